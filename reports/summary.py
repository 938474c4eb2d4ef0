"""The last lines on screen: verdicts, and where to look. `python -m reports.summary results/quick/synthetic`."""

from pathlib import Path

import pandas as pd

from reports.layout import SYMBOLS, count_verdicts, failed_cells
from reports.verdicts import VERDICTS
from studies.errors import InputError
from studies.foreign import data_files
from studies.terminal import command


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


def main(arguments: list[str]) -> None:
    """Print the summary of the one report that is named."""
    if len(arguments) != 1:
        raise InputError("say which report: results/quick/synthetic")
    print("\n".join(summary_lines(arguments[0])))


if __name__ == "__main__":
    command(main, "python -m reports.summary REPORT    the verdicts of a report, as in results/quick/synthetic")
