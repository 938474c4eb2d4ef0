"""The last lines on screen: verdicts, records, claims of order, and where to look."""

from pathlib import Path

from reports.orders.order import read_orders
from reports.orders.view import summary
from reports.records import faults, in_words, read_kept
from reports.tables.causes import EXACT
from reports.tables.cell import DIFFERS, VERDICTS, count_causes, count_verdicts, read_cells
from reports.tables.layout import SYMBOLS
from reports.totals import quoted

MOST = 5  # records that are told one by one


def summary_lines(report: str | Path) -> list[str]:
    """Lines for the terminal from `<report>/cells.csv`, and from `orders.csv` if it was made.

    Raises InputError where they cannot be read.
    """
    report = Path(report)
    cells = read_cells(report / "cells.csv")
    counts = count_verdicts(cells)
    tables = {(cell.study, cell.table) for cell in cells}
    context = f" ({n} of other papers are quoted)" if (n := quoted(cells)) else ""
    lines = [f"{len(tables)} tables, {sum(counts.values())} printed numbers{context}:"]
    causes = ", ".join(f"{n} {cause}" for cause, n in count_causes(cells).items() if cause != EXACT)
    why = {DIFFERS: f": {causes}"} if causes else {}
    lines += [f"  {SYMBOLS[verdict]} {counts[verdict]:>4} {verdict}{why.get(verdict, '')}" for verdict in VERDICTS]
    if failed := sum(cell.failed for cell in cells):
        lines.append(f"  {failed} cells say that something failed")
    if states := read_kept(report / "records.csv"):
        found = faults(states)
        lines += [in_words(states, list(states)), *(f"  {fault}" for fault in found[:MOST])]
        lines += [f"  and {len(found) - MOST} more, in {report / 'records.csv'}"] if found[MOST:] else []
    if (path := report / "orders.csv").is_file() and (orders := read_orders(path)):
        about, outcomes = summary(orders).rstrip(".").split(": ")
        lines += [f"{about}:", f"  {outcomes}"]
    page = report / "site" / "index.html"
    lines.append(f"Look at {page if page.is_file() else report / 'tables'}")
    return lines
