"""From a table in long form to what a page shows: headings, sections, texts, footnotes, reasons, caption.

Nothing here knows a file format; `reports.writers` turns a View into Markdown, LaTeX and HTML.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from reports.failures import FAILED
from reports.measurements import HIGHER_IS_BETTER, NO_SUCH_DATA, Choice
from reports.verdicts import BENCHMARKS, NOT_RUN, VERDICTS
from studies.printed import OUT_OF_MEMORY
from studies.types import AccuracyColumn, Column, CountColumn, FactColumn, Row, Study, Table, VideoColumn

SYMBOLS = {"reproduced": "✓", "differs": "≠", "not comparable": "◇", "not run": "○"}
OUTCOMES = {"better": "▲", "worse": "▼", "within noise": "≈"}
LEGEND = {
    "reproduced": "the same count, to the printed digits",
    "differs": "counted under the same convention, but another number",
    "not comparable": "measured under other conditions than the paper's, so the two must not be compared",
    "not run": "nothing measured; the reasons are listed below",
}
CONVENTIONS = {
    "true": "every trainable weight, and every multiply-accumulate including projections, scan and sampling",
    "paper": "what the papers' profiler (thop) sees; it skips weights and operations that it does not know",
    "paper-leaf": "the papers' profiler in its older form, which counts every leaf module, and no norms",
    "operators": "a tracer of operators (torchprofile), to which a published scan kernel is nothing",
    "here": "true counts of an evaluated frame in this project, the mirrored pass included",
    "released": "true counts of an evaluated frame as the released code evaluates, the mirrored pass included",
    "measured": "median of some runs on this machine, at full paper size, batch 1",
    "fvcore": "fvcore's rules: one fused multiply-add is one, an unknown operation is nothing",
    "predicted": "worked out from the sizes of the tensors, not measured",
}
SCALES = {
    "quick": "shrunken nets trained for minutes: the errors show that the path works, not how good the models are",
    "long": "shrunken nets trained for an hour or two: what is compared is parts of a network, not the papers' models",
    "open": "paper-size nets on open motion data, with a shorter schedule than the papers'",
    "paper": "the papers' own nets, data and schedules; a number made with less of the last two says so",
}
SELECTIONS = {
    "last": "the last epoch",
    "best_val": "the epoch best on validation",
    "best_test": "the epoch best on the test set, as the papers choose it",
}
UNPRINTED_DECIMALS = {"efficiency": 2, "accuracy": 1}  # where the paper prints nothing in the whole column
NAMED_ROWS = 4  # labels that a reason lists before it counts


@dataclass(frozen=True)
class Heading:
    """A column: its label, a line below it (unit, convention), and whether it has a printed half and a measured one.

    Facts are only printed; where the paper prints nothing in the whole column there is only the measured half.
    `convention`: the rule by which an efficiency is counted; `switches`: whether the true counts stand beside it, so
    that a page can show them instead; `upwards`: whether more is better.
    """

    label: str
    detail: str
    paired: bool
    convention: str = ""
    switches: bool = False
    upwards: bool = False


@dataclass(frozen=True)
class CellView:
    """A cell's texts. `printed` is empty in a column of measured numbers only, `measured` in a column of facts.

    `verdict` is empty where nothing is printed; `true` is the true count's text. `outcome` says whether the number is
    another than the reference row's, `gain` by how much; `runs` are the folders of the runs behind it, `counted` the
    variant that was counted or timed for it; `claim` the id of the printed number, study/table/row/column.
    """

    printed: str
    measured: str = ""
    spread: str = ""
    true: str = ""
    difference: str = ""
    verdict: str = ""
    why: str = ""
    outcome: str = ""
    gain: str = ""
    runs: tuple[str, ...] = ()
    counted: str = ""
    claim: str = ""

    @property
    def symbol(self) -> str:
        return SYMBOLS.get(self.verdict, "")

    @property
    def outcome_symbol(self) -> str:
        return OUTCOMES.get(self.outcome, "")


@dataclass(frozen=True)
class RowView:
    """A row: its label, what follows it (citation), footnote marks, cells in the order of the headings."""

    label: str
    cite: str
    marks: tuple[str, ...]
    cells: tuple[CellView, ...]


@dataclass(frozen=True)
class View:
    """A whole table, ready to be written; `reasons` are (verdict, why, who), `legend` (symbol, word, meaning).

    `compared` says what ▲, ▼ and ≈ mean in a table whose rows are compared with one of them.
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

    @property
    def width(self) -> int:
        """Columns of the laid-out table, the row labels included."""
        return 1 + sum(2 if heading.paired else 1 for heading in self.headings)


def make_view(study: Study, table: Table, cells: pd.DataFrame, choice: Choice) -> View:
    """Lay out one table (`cells` from `reports.tables.build_table`)."""
    marks = {key: str(i) for i, key in enumerate(table.footnotes, start=1)}
    judged = judged_cells(cells)
    return View(
        study=study.name,
        table=table.id,
        title=table.title,
        heading=table.heading,
        caption=_caption(study, table, cells, choice),
        notice=_notice(cells, choice),
        headings=tuple(_heading(column, cells, choice) for column in table.columns),
        sections=tuple(_sections(cells, table, marks)),
        footnotes=tuple((marks[key], text) for key, text in table.footnotes.items()),
        reasons=tuple(_reasons(cells)),
        legend=tuple((SYMBOLS[v], v, LEGEND[v]) for v in VERDICTS if v in set(judged["verdict"])),
        conventions=tuple(_conventions(cells)),
        counts=count_verdicts(cells),
        compared=_compared(table, cells),
    )


def failed_cells(cells: pd.DataFrame) -> pd.Series:
    """Whether a cell has no number, or one of fewer seeds, because something failed."""
    return cells["why"].str.startswith(FAILED, na=False) | cells["seeds_failed"].gt(0)


def _notice(cells: pd.DataFrame, choice: Choice) -> str:
    """What is to be known of all numbers of a table."""
    parts = [f"Accuracies at scale {choice.scale}: {SCALES[choice.scale]}."] if _data(cells) else []
    if count := failed_cells(cells).sum():
        parts.append(f"In {count} cells runs or counts failed: they say so, and the reasons below name the logs.")
    return " ".join(parts)


def judged_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells where the paper prints a number, or that there was no memory for it: those that a verdict is about."""
    return cells[(cells["kind"] != "fact") & _is_printed(cells)]


def _is_printed(cells: pd.DataFrame) -> pd.Series:
    return cells["printed_value"].notna() | (cells["printed"] == OUT_OF_MEMORY)


def count_verdicts(cells: pd.DataFrame) -> dict[str, int]:
    """How many printed numbers have each verdict, in the order of VERDICTS."""
    found = judged_cells(cells)["verdict"].value_counts()
    return {verdict: int(found.get(verdict, 0)) for verdict in VERDICTS}


def number(value: float, decimals: int, signed: bool = False) -> str:
    """A number with fixed decimals and a true minus sign; more decimals where it would read as 0 and is not."""
    if value and abs(value) < 0.5 * 10**-decimals:
        decimals = 1 - math.floor(math.log10(abs(value)))  # two significant digits
    return f"{value:{'+' if signed else ''}.{decimals}f}".replace("-", "−")


def _heading(column: Column, cells: pd.DataFrame, choice: Choice) -> Heading:
    if isinstance(column, FactColumn):
        return Heading(column.label, "", False)
    own = cells[cells["column"] == column.id]
    paired, upwards = bool(_is_printed(own).any()), column.metric.startswith(HIGHER_IS_BETTER)
    if isinstance(column, CountColumn):
        rule, switches = column.convention, bool(own["also_true"].notna().any())
        return Heading(column.label, f"convention {rule}", paired, rule, switches, upwards)
    conditions = [column.unit.replace("^2", "²"), *_conditions(column, choice)]
    return Heading(column.label, ", ".join(conditions), paired, upwards=upwards)


def _conditions(column: AccuracyColumn, choice: Choice) -> list[str]:
    """What an accuracy column is measured on: scale and data, and for video whose boxes and which neighbours."""
    data = choice.column_data(column)
    if not isinstance(column, VideoColumn):
        return [choice.scale, data]
    words = {"detected": "detector boxes", "gt": "true boxes", "unstated": "boxes not stated"}
    neighbours = {"copies": ["neighbours: copies"], "shuffled": ["neighbours: other videos"]}
    where = [BENCHMARKS[data]] if data in BENCHMARKS else [choice.scale, data]
    return [*where, words[column.boxes], *neighbours.get(column.neighbours, [])]


def _sections(cells: pd.DataFrame, table: Table, marks: dict[str, str]) -> Iterator[tuple[str, tuple[RowView, ...]]]:
    decimals = _column_decimals(cells)
    paired = set(cells.loc[_is_printed(cells), "column"])
    runs = (cells["section"] != cells["section"].shift()).cumsum()  # printed order, even where a section comes twice
    for _, part in cells.groupby(runs, sort=False):
        views = []
        for row_id, row_cells in part.groupby("row", sort=False):
            row = table.row(row_id) or Row(
                id=row_id, label="", variant=row_id
            )  # the baselines' are no rows of the study
            texts = tuple(
                _cell_view(cell, decimals[cell.column], cell.column in paired, row.variant)
                for cell in row_cells.itertuples()
            )
            row_marks = tuple(marks[key] for key in row.notes)
            views.append(RowView(row_cells["row_label"].iloc[0], row.cite, row_marks, texts))
        yield part["section"].iloc[0], tuple(views)


def _column_decimals(cells: pd.DataFrame) -> dict[str, int]:
    """Most decimals printed in each column, for cells where nothing is printed."""
    most = cells.groupby("column").agg(decimals=("decimals", "max"), kind=("kind", "first"))
    most["decimals"] = most["decimals"].fillna(most["kind"].map(UNPRINTED_DECIMALS)).fillna(0)
    return most["decimals"].astype(int).to_dict()


def _cell_view(cell: tuple, column_decimals: int, paired: bool, variant: str) -> CellView:
    if cell.kind == "fact":
        return CellView(cell.printed or "–")
    is_printed = pd.notna(cell.printed_value)
    shown = {"verdict": cell.verdict if is_printed else "", "why": cell.why}
    shown["claim"] = "/".join((cell.study, cell.table, cell.row, cell.column))
    shown["printed"] = (cell.printed if is_printed else "–") if paired else ""
    if cell.printed == OUT_OF_MEMORY:  # judged by a prediction: its words are the result
        return CellView(cell.printed, cell.why, verdict=cell.verdict, why=cell.why)
    if pd.isna(cell.measured):
        return CellView(**shown, measured=FAILED if cell.why.startswith(FAILED) else "–")
    decimals = int(cell.decimals) if is_printed else column_decimals
    unit = f" {cell.unit}" if cell.kind == "efficiency" and cell.unit else ""  # an accuracy's is in the heading
    return CellView(
        **shown,
        measured=number(cell.measured, decimals) + unit,
        spread=_spread(cell, decimals),
        true="" if pd.isna(cell.also_true) else number(cell.also_true, max(decimals, 1)) + unit,
        difference=_difference(cell, decimals),
        outcome=cell.outcome,
        gain=_gain(cell, decimals),
        runs=tuple(cell.runs.split()) if isinstance(cell.runs, str) else (),
        counted=variant if cell.kind == "efficiency" else "",
    )


def _spread(cell: tuple, decimals: int) -> str:
    """Half the 95 % interval, and of how many seeds it is where some failed."""
    parts = [] if pd.isna(cell.low) else [f"± {number((cell.high - cell.low) / 2, decimals)}"]
    if cell.seeds_failed > 0:
        parts.append(f"({cell.n:.0f} of {cell.n + cell.seeds_failed:.0f} seeds)")
    return " ".join(parts)


def _difference(cell: tuple, decimals: int) -> str:
    """The difference where printed and measured may be compared and are not the same."""
    return number(cell.difference, decimals + 1, signed=True) if cell.verdict == "differs" else ""


def _gain(cell: tuple, decimals: int) -> str:
    """By how much a number differs from the reference row's, and half the 95 % interval of that."""
    if not cell.outcome:
        return ""
    return f"{number(cell.gain, decimals, signed=True)} ± {number((cell.gain_high - cell.gain_low) / 2, decimals)}"


def _compared(table: Table, cells: pd.DataFrame) -> str:
    """What the signs of a comparison mean, where the table has one."""
    references = cells.loc[cells["outcome"] != "", "reference"]
    if references.empty:
        return ""
    return (
        f"Against {table.row(references.iloc[0]).label}, on the same test clips: ▲ better, ▼ worse, ≈ within noise "
        "(difference ± half its 95 % interval, over seeds and clips; p < 0.05 after Holm over the table)."
    )


def _reasons(cells: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Each verdict other than reproduced with its reason and the cells that it is about.

    Of cells where nothing is printed, only those of measured columns that stayed empty, and failures, need a reason.
    """
    own = ~cells["column"].isin(cells.loc[_is_printed(cells), "column"])
    about = cells[_is_printed(cells) | (own & (cells["verdict"] == NOT_RUN)) | failed_cells(cells)]
    for verdict in VERDICTS[1:]:
        for why, part in about[about["verdict"] == verdict].groupby("why", sort=False):
            yield verdict, str(why), _who(part)


def _who(cells: pd.DataFrame) -> str:
    """Cells in words, rows with the same columns together: `SasMamba (MACs, P1), 14 rows (P1)`."""
    rows_of: dict[str, list[str]] = {}
    for _, row in cells.groupby("row", sort=False):
        columns = ", ".join(dict.fromkeys(row["column_label"]))
        rows_of.setdefault(columns, []).append(row["row_label"].iloc[0])
    return "; ".join(
        f"{', '.join(rows) if len(rows) <= NAMED_ROWS else f'{len(rows)} rows'} ({columns})"
        for columns, rows in rows_of.items()
    )


def _conventions(cells: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Meaning of each counting convention that the table names; `true` stands beside every count."""
    used = set(cells.loc[cells["kind"] == "efficiency", "convention"])
    matched = (name for text in cells["matches"].dropna() for name in text.split(", "))
    used |= {re.split("[/ ]", name)[0] for name in matched}
    for name, meaning in CONVENTIONS.items():
        if name in used or (name == "true" and used):
            yield name, meaning


def _has_accuracy(cells: pd.DataFrame) -> bool:
    return bool((cells["kind"] == "accuracy").any())


def _data(cells: pd.DataFrame) -> list[str]:
    """Data sets of a table's accuracies, without the benchmarks of which nothing is measured."""
    here = cells["measured"].notna() | ~cells["dataset"].isin([*BENCHMARKS, NO_SUCH_DATA])
    return list(dict.fromkeys(cells.loc[here, "dataset"].dropna()))


def _caption(study: Study, table: Table, cells: pd.DataFrame, choice: Choice) -> str:
    """What was measured and how, in sentences; a table says by itself at which scale it was made."""
    source = f"{study.title} ({study.venue})" if study.venue else study.title
    parts = [f"{source}, Table {table.number}." if table.number else f"{source}."]
    measured = cells[(cells["kind"] == "accuracy") & cells["measured"].notna()]
    if _has_accuracy(cells):
        seeds = "no run yet" if measured.empty else _seeds(measured["n"])
        parts.append(
            f"Accuracy: scale {choice.scale}, data {', '.join(data)}; {SELECTIONS[choice.selection]}; {seeds}."
            if (data := _data(cells))
            else "Accuracy: as printed; the data are not here."
        )
    if (cells["kind"] == "efficiency").any():
        below = "; the true count stands below each number" if cells["also_true"].notna().any() else ""
        parts.append(f"Efficiency: at full paper size, whatever the scale{below}.")
    return " ".join(parts)


def _seeds(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "one seed, hence no interval"
    return f"mean of {low if low == high else f'{low} to {high}'} seeds ± half its 95 % interval"
