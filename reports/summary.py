"""The last lines on screen: verdicts, and where to look."""

from pathlib import Path

import pandas as pd

from base.errors import InputError
from base.foreign import data_files
from reports.layout import SYMBOLS, count_verdicts, failed_cells
from reports.verdicts import VERDICTS


def summary_lines(report: str | Path) -> list[str]:
    """Lines for the terminal from the tables' CSV files in `<report>/tables`. Raises InputError where there is none."""
    report = Path(report)
    paths = data_files(report / "tables", "*.csv")
    if not paths:
        raise InputError(f"{report / 'tables'}: holds no table; run `make` first")
    tables = [pd.read_csv(path, dtype={"printed": str}) for path in paths]
    counts = pd.DataFrame([count_verdicts(cells) for cells in tables]).sum()
    lines = [f"{len(paths)} tables, {counts.sum()} printed numbers:"]
    lines += [f"  {SYMBOLS[verdict]} {counts[verdict]:>4} {verdict}" for verdict in VERDICTS]
    if failed := sum(failed_cells(cells).sum() for cells in tables):
        lines.append(f"  {failed} cells say that something failed")
    page = report / "site" / "index.html"
    lines.append(f"Look at {page if page.is_file() else report / 'tables'}")
    return lines
