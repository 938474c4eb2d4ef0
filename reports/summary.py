"""The last lines on screen: verdicts, claims of order, and where to look."""

from pathlib import Path

from reports.orders.order import read_orders
from reports.orders.view import summary
from reports.tables.cell import VERDICTS, count_verdicts, read_cells
from reports.tables.layout import SYMBOLS


def summary_lines(report: str | Path) -> list[str]:
    """Lines for the terminal from `<report>/cells.csv`, and from `orders.csv` if it was made.

    Raises InputError where they cannot be read.
    """
    report = Path(report)
    cells = read_cells(report / "cells.csv")
    counts = count_verdicts(cells)
    tables = {(cell.study, cell.table) for cell in cells}
    lines = [f"{len(tables)} tables, {sum(counts.values())} printed numbers:"]
    lines += [f"  {SYMBOLS[verdict]} {counts[verdict]:>4} {verdict}" for verdict in VERDICTS]
    if failed := sum(cell.failed for cell in cells):
        lines.append(f"  {failed} cells say that something failed")
    if (path := report / "orders.csv").is_file() and (orders := read_orders(path)):
        about, outcomes = summary(orders).rstrip(".").split(": ")
        lines += [f"{about}:", f"  {outcomes}"]
    page = report / "site" / "index.html"
    lines.append(f"Look at {page if page.is_file() else report / 'tables'}")
    return lines
