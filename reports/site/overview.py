"""What the first page shows besides the totals: printed costs beside true ones, and what its search finds."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reports.orders.view import OrderView
from reports.site.costs import FRAME, Network, amount, unit_of
from reports.site.glossary import PAGE as GLOSSARY
from reports.site.glossary import glossary
from reports.site.guide import Doc
from reports.site.pages import Page
from reports.tables.cell import Cell
from reports.tables.layout import View
from studies.printed import UNITS
from studies.types import CountColumn, Study

# What people may type who look for a network's costs, a table's files, or an order.
COSTS, EXPORTS, BEATS = "MACs FLOPs parameters costs", "CSV Markdown LaTeX JSON", "beats better order"


@dataclass(frozen=True)
class Gap:
    """MACs a frame of a network, as printed and in truth, in base units; variant: what was counted."""

    label: str
    variant: str
    printed: float
    true: float
    printed_text: str

    @property
    def factor(self) -> float:
        return self.true / self.printed

    @property
    def true_text(self) -> str:
        return amount(self.true, unit_of(self.true))


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis over whole powers of ten."""

    least: int
    most: int

    def at(self, value: float) -> float:
        """Where a value is, from 0 to 1."""
        return (math.log10(value) - self.least) / (self.most - self.least)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Every power of ten: its place, and its text."""
        return [(self.at(10.0**n), f"{10**n / UNITS[unit_of(10**n)][1]:g} {unit_of(10**n)}") for n in self._powers]

    @property
    def _powers(self) -> range:
        return range(self.least, self.most + 1)


def gaps(studies: Sequence[Study], cells: Sequence[Cell]) -> list[Gap]:
    """One for each network whose MACs a frame a paper prints and were counted; the largest factor first.

    Where papers print different numbers for a network, the label says which paper's one is of.
    """
    papers = {study.name: study.label for study in studies}
    rows = {(s.name, t.id, r.id): r.variant for s in studies for t in s.tables for r in t.rows}
    columns = {(s.name, t.id, c.id): c for s in studies for t in s.tables for c in t.columns}
    seen: dict[tuple[str, float], tuple[Gap, str]] = {}
    for cell in cells:
        column, name = columns.get((cell.study, cell.table, cell.column)), rows.get((cell.study, cell.table, cell.row))
        per_frame = isinstance(column, CountColumn) and column.metric == FRAME
        if per_frame and name and not cell.quoted and cell.printed_value and cell.also_true:
            true = cell.also_true * UNITS[cell.unit][1]
            gap = Gap(cell.row_label, name, cell.printed_base, true, cell.printed)
            seen.setdefault((name, gap.printed), (gap, papers[cell.study]))  # two papers may print the same number
    times = Counter(gap.label for gap, _ in seen.values())
    told = [
        replace(gap, label=f"{gap.label}, in {paper}") if times[gap.label] > 1 else gap for gap, paper in seen.values()
    ]
    return sorted(told, key=lambda gap: -gap.factor)


def axis_of(shown: Sequence[Gap]) -> Axis | None:
    """The axis that holds all of them; None without any."""
    if not shown:
        return None
    powers = [math.log10(value) for gap in shown for value in (gap.printed, gap.true)]
    least = math.floor(min(powers))
    return Axis(least, max(math.ceil(max(powers)), least + 1))


def search_index(
    networks: Sequence[Network],
    tables: Sequence[tuple[Study, View]],
    orders: Sequence[OrderView],
    findings: Sequence[dict],
    docs: Sequence[Doc],
    pages: Sequence[Page],
) -> Iterator[tuple[str, str, str, str]]:
    """What the search finds: (text, kind, address, further words)."""
    for page in pages:
        yield page.name, "page", page.file, page.about
    for network in networks:
        yield network.label, "network", f"costs.html#net={network.name}", f"{network.name} {network.family} {COSTS}"
    for study, view in tables:
        yield f"{study.label}: {view.heading}", "table", f"{study.name}.html#{view.table}", f"{study.title} {EXPORTS}"
    for order in orders:
        yield (
            f"{order.claim}, {order.metric}",
            f"claim: {order.outcome}",
            f"claims.html#{order.id}",
            f"{BEATS} {order.quote}",
        )
    for finding in findings:
        yield finding["title"], "finding", f"audit.html#{finding['id']}", finding["id"]
    for doc in docs:
        yield doc.title, "docs", doc.file, ""
    for term in dict.fromkeys(glossary().values()):
        yield ", ".join(term.names), "term", f"{GLOSSARY}#{term.id}", term.definition
