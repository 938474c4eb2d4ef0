"""From the cells of a table to what a page shows: headings, sections, texts of cells, footnotes.

Nothing here knows a file format, and nothing is judged: `reports.tables.writers` turns a View into Markdown and LaTeX.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from base.errors import InputError
from reports.failures import FAILED
from reports.measurements import NO_SUCH_DATA, Choice
from reports.tables import captions
from reports.tables.captions import RECORD_MARKS
from reports.tables.causes import CUT, DIVIDED, EXACT, HALVED, MULTIPLIED, NO_RULE, OTHER, OWN_SUM
from reports.tables.causes import MEANING as MEANING_OF_CAUSES
from reports.tables.cell import DIFFERS, VERDICTS, Cell
from reports.tables.rows import row_shown
from studies.benchmarks import BENCHMARKS
from studies.measurements import higher_is_better
from studies.printed import OUT_OF_MEMORY
from studies.types import (
    COLUMN_KINDS,
    AccuracyColumn,
    Column,
    CountColumn,
    MeasuredColumn,
    Study,
    Table,
    VideoColumn,
)

SYMBOLS = {"reproduced": "✓", "differs": "≠", "not comparable": "◇", "not run": "○"}
SIGNS = {EXACT: "✓", CUT: "cut", DIVIDED: "÷T", MULTIPLIED: "×T", HALVED: "½", OTHER: "other", OWN_SUM: "row"}
SIGNS[NO_RULE] = "≠"
OUTCOMES = {"better": "▲", "worse": "▼", "within noise": "≈"}
LEGEND = {
    "reproduced": "our number agrees with the printed one",
    "differs": "measured under the same conditions, with another result",
    "not comparable": "measured under conditions other than the paper's; do not compare the two",
    "not run": "not measured; the reasons are below",
}
# Words of legends: each verdict, and instead of it the causes of counts.
WORDS = [(SIGNS[cause], cause, meaning) for cause, meaning in MEANING_OF_CAUSES.items()]
WORDS += [(SYMBOLS[verdict], verdict, LEGEND[verdict]) for verdict in VERDICTS]
# Of cells that show what is printed and nothing else.
TEXT_KINDS = {kind.kind for kind in COLUMN_KINDS if not issubclass(kind, MeasuredColumn)}


@dataclass(frozen=True)
class Heading:
    """A column: its label, a line below it (unit, convention), and whether it has a printed half and a measured one.

    Facts are only printed; where the paper prints nothing in the whole column there is only the measured half.
    `measured`: what that half is called; `bare`: nothing in it has a result, so that there is only the printed half.
    `convention`: the rule by which an efficiency is counted; `switches`: whether the true counts stand beside it, so
    that a page can show them instead; `upwards`: whether more is better.
    """

    label: str
    detail: str
    paired: bool
    convention: str = ""
    switches: bool = False
    upwards: bool = False
    measured: str = "measured"
    bare: bool = False


@dataclass(frozen=True)
class CellView:
    """A cell's texts. `printed` is empty in a column of measured numbers only, `measured` in one of printed ones only.

    `verdict` is empty where nothing is printed, `cause` where nothing is counted; `factor` says how many times the
    printed number a count is that differs, `difference` by how much another number does; `true` is the true count's
    text. `outcome` says whether the number is another than the reference row's, `gain` by how much; `runs` are the
    folders of the runs behind it, `counted` the variant that was counted or timed for it; `claim` the id of the printed
    number, study/table/row/column.
    `missing`: whether `measured` are two words that say why there is no number. `record` is what became here of the
    records behind the number, one of `reports.records.STATES`, and `record_why` why; `here` is the number of what was
    trained here beside it.
    """

    printed: str
    measured: str = ""
    spread: str = ""
    true: str = ""
    difference: str = ""
    factor: str = ""
    verdict: str = ""
    cause: str = ""
    why: str = ""
    outcome: str = ""
    gain: str = ""
    runs: tuple[str, ...] = ()
    counted: str = ""
    claim: str = ""
    missing: bool = False
    record: str = ""
    record_why: str = ""
    here: str = ""
    here_runs: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """The verdict, of a printed count by its cause."""
        return self.cause or self.verdict

    @property
    def symbol(self) -> str:
        return SIGNS.get(self.cause) or SYMBOLS.get(self.verdict, "")

    @property
    def compared(self) -> str:
        """A sign with the difference from the reference row; or words, where the two are not compared."""
        return f"{OUTCOMES[self.outcome]} {self.gain}" if self.outcome in OUTCOMES else self.outcome

    @property
    def mark(self) -> str:
        return RECORD_MARKS.get(self.record, "")


@dataclass(frozen=True)
class RowView:
    """A row: its label, what follows it (citation), footnote marks, cells in the order of the headings."""

    label: str
    cite: str
    marks: tuple[str, ...]
    cells: tuple[CellView, ...]


@dataclass(frozen=True)
class View:
    """A whole table, ready to be written; `reasons` are (word, why, who), `legend` (symbol, word, meaning).

    A word is a verdict, or the cause of that on a count; `counts` are of words.
    `compared` says what ▲, ▼ and ≈ mean in a table whose rows are compared with one of them. `records` are what became
    of records here, (mark, state, meaning), and `record_reasons` those that are not what they were, (state, why, who);
    `here` says what the numbers are that stand beside records.
    """

    study: str
    table: str
    title: str
    heading: str
    caption: str
    notice: str
    headings: tuple[Heading, ...]
    sections: tuple[tuple[str, tuple[RowView, ...]], ...]
    footnotes: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str, str], ...]
    legend: tuple[tuple[str, str, str], ...]
    conventions: tuple[tuple[str, str], ...]
    counts: dict[str, int]
    compared: str = ""
    records: tuple[tuple[str, str, str], ...] = ()
    record_reasons: tuple[tuple[str, str, str], ...] = ()
    here: str = ""

    @property
    def width(self) -> int:
        """Columns of the laid-out table, the row labels included."""
        return 1 + sum(2 if heading.paired else 1 for heading in self.headings)

    @property
    def claims(self) -> set[str]:
        """Ids of its printed numbers."""
        return {cell.claim for _, rows in self.sections for row in rows for cell in row.cells}


def make_view(study: Study, table: Table, cells: Sequence[Cell], choice: Choice) -> View:
    """Lay out one table; cells: all of it (`reports.tables.cell.of_table`); choice: also of what was trained here."""
    evidence = choice.evidence
    marks = {key: str(i) for i, key in enumerate(table.footnotes, start=1)}
    headings = {column.id: _heading(column, cells, evidence) for column in table.columns}
    counts = Counter(cell.cause or cell.verdict for cell in cells if cell.is_judged)
    return View(
        study=study.name,
        table=table.id,
        title=table.title,
        heading=table.heading,
        caption=captions.caption(study, table, cells, evidence),
        notice=captions.notice(cells, evidence),
        headings=tuple(headings.values()),
        sections=tuple(_sections(cells, table, headings, marks)),
        footnotes=tuple((marks[key], text) for key, text in table.footnotes.items()),
        reasons=tuple(captions.reasons(cells)),
        legend=tuple((symbol, word, meaning) for symbol, word, meaning in WORDS if counts[word]),
        conventions=tuple(captions.conventions(cells)),
        counts=dict(counts),
        compared=captions.compared(table, cells),
        records=tuple(captions.records(cells, choice)),
        record_reasons=tuple(captions.record_reasons(cells)),
        here=captions.trained_here(cells, choice),
    )


def number(value: float, decimals: int, signed: bool = False) -> str:
    """A number with fixed decimals and a true minus sign; more decimals where it would read as 0 and is not."""
    if value and abs(value) < 0.5 * 10**-decimals:
        decimals = 1 - math.floor(math.log10(abs(value)))  # two significant digits
    return f"{value:{'+' if signed else ''}.{decimals}f}".replace("-", "−")


def _heading(column: Column, cells: Sequence[Cell], choice: Choice) -> Heading:
    if not isinstance(column, MeasuredColumn):
        return Heading(column.label, "", False)
    own = [cell for cell in cells if cell.column == column.id]
    bare, upwards = _is_bare(own), higher_is_better(column.metric)
    paired = not bare and any(cell.is_printed for cell in own)
    if isinstance(column, CountColumn):
        rule, switches = column.convention, any(cell.also_true is not None for cell in own)
        return Heading(column.label, f"convention {rule}", paired, rule, switches, upwards, bare=bare)
    if not isinstance(column, AccuracyColumn):
        return Heading(column.label, column.unit, paired, upwards=upwards, bare=bare)
    data = next((cell.dataset for cell in own if cell.dataset), NO_SUCH_DATA)
    conditions = [column.unit.replace("^2", "²"), *_conditions(column, data, choice)]
    measured = "recorded" if choice.kept else "measured"
    return Heading(column.label, ", ".join(conditions), paired, upwards=upwards, measured=measured, bare=bare)


def _is_bare(cells: Iterable[Cell]) -> bool:
    """Whether a column of measured numbers has printed ones only: its other half would say "not run" in each row."""
    results = any(cell.measured is not None or cell.here is not None or cell.failed or cell.here_why for cell in cells)
    words = any(cell.printed == OUT_OF_MEMORY for cell in cells)
    return not results and not words and any(cell.is_printed for cell in cells)


def _conditions(column: AccuracyColumn, data: str, choice: Choice) -> list[str]:
    """Protocol, scale and data of an accuracy column; for video also whose boxes and which neighbours."""
    if not isinstance(column, VideoColumn):
        return [column.protocol, choice.scale, data]
    words = {"detected": "detector boxes", "gt": "true boxes", "unstated": "boxes not stated"}
    neighbours = {"copies": ["neighbours: copies"], "shuffled": ["neighbours: other videos"]}
    where = [BENCHMARKS[data].title] if data in BENCHMARKS else [choice.scale, data]
    return [column.protocol, *where, words[column.boxes], *neighbours.get(column.neighbours, [])]


def _sections(
    cells: Sequence[Cell], table: Table, headings: Mapping[str, Heading], marks: Mapping[str, str]
) -> Iterator[tuple[str, tuple[RowView, ...]]]:
    """Rows in order, by section; a section comes twice where its rows do not stand together."""
    decimals = {column.id: _decimals(column, cells) for column in table.columns}
    for section, part in groupby(cells, lambda cell: cell.section):
        rows = []
        for row_id, row_cells in groupby(part, lambda cell: cell.row):
            row = row_shown(table, row_id)
            own = list(row_cells)
            if strange := [cell.column for cell in own if cell.column not in decimals]:
                raise InputError(f"cells.csv: {table.id} has no column {strange[0]!r}; delete it and run `make` again")
            texts = tuple(_cell_view(c, decimals[c.column], headings[c.column], row.variant) for c in own)
            rows.append(RowView(own[0].row_label, row.cite, tuple(marks[key] for key in row.notes), texts))
        yield section, tuple(rows)


def _decimals(column: Column, cells: Sequence[Cell]) -> int:
    """Most decimals printed in a column, for cells where nothing is printed."""
    printed = [cell.decimals for cell in cells if cell.column == column.id and cell.decimals is not None]
    return max(printed, default=column.unprinted_decimals)


def _cell_view(cell: Cell, column_decimals: int, heading: Heading, variant: str) -> CellView:
    if cell.kind in TEXT_KINDS:
        return CellView(cell.printed or "–")
    if cell.printed == OUT_OF_MEMORY:  # judged by a prediction: its words are the result
        return CellView(cell.printed, cell.why, verdict=cell.verdict, why=cell.why, claim=cell.claim)
    decimals = cell.decimals if cell.is_printed else column_decimals
    missing = cell.missing if cell.is_printed or cell.failed or not heading.paired else ""
    shown = CellView(
        printed=(cell.printed if cell.is_printed else "–") if heading.paired or heading.bare else "",
        measured="" if heading.bare else missing or "–",
        verdict=cell.verdict if cell.is_printed else "",
        cause=cell.cause,
        why=cell.why,
        claim=cell.claim,
        missing=bool(missing) and not heading.bare,
        here=number(cell.here, decimals) if cell.here is not None else FAILED if cell.here_why else "",
        here_runs=tuple(cell.here_runs.split()),
    )
    if cell.measured is None:
        return shown
    counted = cell.kind == CountColumn.kind
    unit = f" {cell.unit}" if counted and cell.unit else ""  # an accuracy's is in the heading
    return replace(
        shown,
        measured=number(cell.measured, decimals) + unit,
        missing=False,
        spread=_spread(cell, decimals),
        true="" if cell.also_true is None else number(cell.also_true, max(decimals, 1)) + unit,
        difference=_difference(cell, decimals),
        factor=_factor(cell),
        outcome=cell.outcome,
        gain=_gain(cell, decimals),
        runs=tuple(cell.runs.split()),
        counted=variant if counted else "",
        record=cell.record,
        record_why=cell.record_why,
    )


def _spread(cell: Cell, decimals: int) -> str:
    """Half the 95 % interval, and of how many seeds it is where some failed."""
    parts = [] if cell.half is None else [f"± {number(cell.half, decimals)}"]
    if cell.seeds_failed:
        parts.append(f"({cell.n} of {cell.n + cell.seeds_failed} seeds)")
    return " ".join(parts)


def _difference(cell: Cell, decimals: int) -> str:
    """The difference where printed and measured may be compared and are not the same."""
    differs = cell.verdict == DIFFERS and not cell.cause
    return number(cell.difference, decimals + 1, signed=True) if differs else ""


def _factor(cell: Cell) -> str:
    """How many times the printed number a count is, ×247 or ÷243; nothing of one that is the same or cut off."""
    if cell.cause in ("", EXACT, CUT) or cell.factor is None:
        return ""
    sign, times = ("×", cell.factor) if cell.factor >= 1 else ("÷", 1 / cell.factor)
    return f"{sign}{times:,.0f}" if times >= 100 else f"{sign}{times:.3g}"


def _gain(cell: Cell, decimals: int) -> str:
    """By how much a number differs from the reference row's, and half the 95 % interval of that."""
    if cell.outcome not in OUTCOMES:
        return ""
    return f"{number(cell.gain, decimals, signed=True)} ± {number((cell.gain_high - cell.gain_low) / 2, decimals)}"
