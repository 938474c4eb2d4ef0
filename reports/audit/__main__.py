"""`python -m reports.audit [ID ...]`: findings with their evidence in the terminal, from the last `make audit`."""

import sys
from pathlib import Path

from reports.audit.write import gather
from studies.errors import InputError
from studies.load import study_names

REPORT = Path("results/quick/synthetic")
OPTIONS = {"scale": "quick", "dataset": "synthetic"}


def main(wanted: list[str]) -> None:
    """Run every check again on what was measured and print the wanted findings; all titles where none is named."""
    audit = gather(study_names(), REPORT / "measurements.csv", "results/efficiency/evidence.json", **OPTIONS)
    found = {finding["id"]: finding for finding in audit["findings"]}
    for name in wanted:
        if name not in found:
            raise InputError(f"no finding {name!r}; there are {', '.join(found)}")
        print(_text(found[name]))
    if not wanted:
        print("\n".join(f"{f['status']:20} {f['id']:40} {f['title']}" for f in found.values()))


def _text(finding: dict) -> str:
    """A finding as plain text, its evidence as aligned columns."""
    lines = [finding["title"], f"  status:  {finding['status']}"]
    lines += [f"  {key}: {finding[key]}" for key in ("claimed", "found", "change", "needs") if finding[key]]
    rows = [finding["head"], *finding["rows"]]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(finding["head"]))]
    lines += ["  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
