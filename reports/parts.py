"""The parts table: parameters and multiply-accumulates of one network by its parts, as CSV and Markdown."""

from pathlib import Path

import pandas as pd

from base.files import write_csv, write_text

HEADS = {"params": "trained, M", "macs_paper": "`paper`, G", "macs_true": "`true`, G"}
UNITS = {"params": 1e6, "macs_paper": 1e9, "macs_true": 1e9}


def write_parts(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Write `<stem>.csv` (whole numbers) and `<stem>.md` (millions and 10^9); returns their paths.

    table: columns part, params, macs_paper, macs_true; the total in its last row.
    """
    csv = write_csv(stem.with_name(f"{stem.name}.csv"), table)
    lines = ["| part | " + " | ".join(HEADS.values()) + " |", "|---|" + "--:|" * len(HEADS)]
    for row in table.to_dict("records"):
        lines.append(f"| {row['part']} | " + " | ".join(f"{row[c] / UNITS[c]:.3f}" for c in HEADS) + " |")
    return [csv, write_text(stem.with_name(f"{stem.name}.md"), "\n".join(lines) + "\n")]
