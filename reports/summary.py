"""The last lines on screen: verdicts, records, claims of order, and where to look."""

from collections.abc import Collection
from pathlib import Path

from reports.orders.order import read_orders
from reports.orders.view import summary
from reports.records import faults, in_words, read_kept
from reports.tables.causes import EXACT
from reports.tables.cell import DIFFERS, VERDICTS, count_causes, count_verdicts, read_cells
from reports.tables.layout import SYMBOLS
from reports.totals import quoted

RECORDS, ORDERS, PAGES = "records.csv", "orders.csv", "site"  # in the folder of a report
MOST = 5  # records that are told one by one


def summary_lines(report: str | Path, made: Collection[str]) -> list[str]:
    """Lines for the terminal from `<report>/cells.csv`, and of what else a run has made or found up to date.

    made : paths of those files and folders; what is older tells of other runs
    Raises InputError where they cannot be read.
    """
    report = Path(report)
    shown = {name: path for name in (RECORDS, ORDERS, PAGES) if str(path := report / name) in made and path.exists()}
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
    if RECORDS in shown and (states := read_kept(shown[RECORDS])):
        found = faults(states)
        lines += [in_words(states, list(states)), *(f"  {fault}" for fault in found[:MOST])]
        lines += [f"  and {len(found) - MOST} more, in {shown[RECORDS]}"] if found[MOST:] else []
    if ORDERS in shown and (orders := read_orders(shown[ORDERS])):
        about, outcomes = summary(orders).rstrip(".").split(": ")
        lines += [f"{about}:", f"  {outcomes}"]
    lines.append(f"Look at {shown[PAGES] / 'index.html' if PAGES in shown else report / 'tables'}")
    return lines
