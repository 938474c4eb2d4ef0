"""How a cell of each kind of column is judged: one function a kind, in JUDGES."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from reports.commands import make
from reports.failures import of_counts, of_runs, of_seeds
from reports.measurements import EFFICIENCY_SCALE, NO_SUCH_DATA, Choice, pick, summarise
from reports.tables.causes import BY_LENGTH, PRINTED_MACS, TIMES_LENGTH, Rule, cause_of, rules_that_fit
from reports.tables.cell import NOT_COMPARABLE, NOT_LEARNED, NOT_RUN, TRUE, Cell
from reports.tables.numbers import Numbers
from reports.tables.verdicts import (
    NO_BOXES,
    NO_DATA,
    NO_MODEL,
    NO_ROOM,
    NOT_BY_ITS_OWN,
    NOT_FILMED,
    NOT_SELECTED,
    NOT_THEIRS,
    NOT_TRAINED,
    Missing,
    Verdict,
    failed,
    judge_accuracy,
    judge_efficiency,
    judge_memory,
    judge_missing,
)
from studies.benchmarks import BENCHMARKS, departures
from studies.data import LIFTING, PAPER_DETECTORS, Dataset
from studies.measurements import CONDITION
from studies.printed import OUT_OF_MEMORY, UNITS, Printed, parse_printed
from studies.recipes import OFFICIAL, recipes
from studies.scales import PAPER
from studies.types import Column, CountColumn, FactColumn, LiftingColumn, MeasuredColumn, Row, Study, Table, VideoColumn
from studies.variants import resolve_variants

MEMORY, PREDICTED = "training_memory", "predicted"


@dataclass(frozen=True)
class Place:
    """Where a cell stands: a row and a column of a study's table."""

    study: Study
    table: Table
    row: Row
    column: Column

    @property
    def text(self) -> str:
        """What the paper prints there, verbatim."""
        return self.row.cells.get(self.column.id, "")

    @cached_property
    def printed(self) -> Printed | None:
        """The printed number, None where the paper prints none."""
        return parse_printed(self.text, self.column.unit) if isinstance(self.column, MeasuredColumn) else None

    def at_metric(self, metric: str) -> Printed | None:
        """The number that the row prints in the table's column of a metric; None where it prints none."""
        columns = (
            column for column in self.table.columns if isinstance(column, CountColumn) and column.metric == metric
        )
        return next((replace(self, column=column).printed for column in columns), None)

    @property
    def unit(self) -> str:
        """Unit of the cell: the printed number's own, else its column's."""
        return self.printed.unit if self.printed else self.column.unit

    @property
    def factor(self) -> int:
        """Base units in one `unit`."""
        return UNITS[self.unit][1]

    def cell(self, verdict: Verdict, **values: object) -> Cell:
        """The cell with its verdict; values: other fields of `Cell`."""
        return Cell(
            study=self.study.name,
            table=self.table.id,
            row=self.row.id,
            row_label=self.row.label,
            section=self.row.section,
            column=self.column.id,
            column_label=self.column.label,
            kind=self.column.kind,
            quoted=self.table.quoted,
            printed=self.text,
            verdict=verdict.verdict,
            why=verdict.why,
            missing=verdict.missing,
            **values,
        )

    def numeric(self, verdict: Verdict, measured: float | None = None, **values: object) -> Cell:
        """The cell of a number; measured: in the cell's unit, None where nothing was measured."""
        printed = self.printed
        return self.cell(
            verdict,
            unit=self.unit,
            printed_value=printed.value if printed else None,
            decimals=printed.decimals if printed else None,
            measured=measured,
            difference=None if measured is None or printed is None else measured - printed.value,
            **values,
        )


def judge_cell(place: Place, numbers: Numbers) -> Cell:
    """One cell, by the kind of its column; a printed "OOM" is judged by memory, whatever its column."""
    if place.text == OUT_OF_MEMORY:
        return memory_cell(place, numbers)
    return JUDGES[type(place.column)](place, numbers)


def fact_cell(place: Place, numbers: Numbers) -> Cell:
    """A cell that describes the row (frames, year, ...): printed only, no verdict."""
    return place.cell(Verdict("", ""))


def count_cell(place: Place, numbers: Numbers) -> Cell:
    """A count or timing at full paper size, under the column's convention, with the other conventions beside it."""
    column, row, printed = place.column, place.row, place.printed
    about = {"convention": column.convention, "scale": EFFICIENCY_SCALE}
    if not row.variant:
        return place.numeric(judge_missing(printed, _no_model(row)), **about)
    counts = numbers.counts(row.variant, column.metric)
    values = dict(zip(counts["convention"], counts["value"], strict=True))  # base units
    if column.convention not in values:
        failure = of_counts(numbers.failed, row.variant, timed=column.convention == "measured")
        reason = _not_measured(f"{column.metric} not measured under convention `{column.convention}`")
        return place.numeric(judge_missing(printed, failed(failure.reason) if failure else reason), **about)
    measured, true = values[column.convention], values.get(TRUE) if column.convention != TRUE else None
    rules = rules_that_fit(printed, _rules(place, values), column.convention)
    return place.numeric(
        judge_efficiency(printed, measured, column.convention, rules),
        measured / place.factor,
        also_true=None if true is None else true / place.factor,
        cause=cause_of(printed, measured, rules, column.convention) if printed else "",
        matches=", ".join(map(str, rules)),
        device=counts.loc[counts["convention"] == column.convention, "device"].iloc[0],
        **about,
    )


def _rules(place: Place, values: Mapping[str, float]) -> dict[Rule, float]:
    """Counts that a paper may have meant: ours, and those that have the clip length in them too often or too seldom.

    A pass times T; and for a frame, a pass divided by T of a network that answers for one frame, or the paper's own
    number for a pass, as it is printed, divided by T.
    """
    frames = resolve_variants()[place.row.variant].frames
    plain = {Rule(name): value for name, value in values.items()}
    if place.column.metric == "macs_per_clip":
        return plain | {Rule(name, TIMES_LENGTH): value * frames for name, value in values.items()}
    if place.column.metric != "macs_per_frame":
        return plain
    divided = {Rule(name, BY_LENGTH): value / frames for name, value in values.items()}
    whole = place.at_metric("macs_per_clip")
    own = {Rule(PRINTED_MACS, BY_LENGTH): whole.value * whole.factor / frames} if whole else {}
    return plain | divided | own


def accuracy_cell(place: Place, numbers: Numbers) -> Cell:
    """An error or percentage: mean over seeds, at the chosen scale, data and epoch selection, or of records of it."""
    row, column, printed, choice = place.row, place.column, place.printed, numbers.choice
    data, convention = choice.column_data(column), numbers.convention(column)
    about = {"convention": convention, "scale": choice.scale, "dataset": data, **trained_here(place, numbers.here)}
    if reason := _never_measured(row, data, choice.scale):
        return place.numeric(judge_missing(printed, reason), **about)
    failures = of_runs(choice.failed, data, row.variant, row.recipe)
    seeds = numbers.accuracies(row, column)
    if seeds.empty:
        missing = judge_missing(printed, failed(of_seeds(failures))) if failures else _why_no_accuracy(place, numbers)
        return place.numeric(missing, **about)
    verdict = _judge(place, seeds, numbers)
    if failures:  # the mean is over the seeds that ended
        verdict = verdict._replace(why=f"{verdict.why}; {of_seeds(failures)}")
    shown = summarise(seeds["value"] / place.factor)
    return place.numeric(
        verdict,
        shown.mean,
        n=shown.n,
        sd=shown.sd,
        low=shown.low,
        high=shown.high,
        device=seeds["device"].iloc[0],
        runs=" ".join(seeds["run"]),
        outcome="" if numbers.learned(row, column) else NOT_LEARNED,
        record=(record := numbers.record_of(seeds["run"])).state,
        record_why=record.why,
        seeds_failed=None if numbers.choice.kept else len(failures),
        **about,
    )


def trained_here(place: Place, here: Numbers | None) -> dict[str, object]:
    """Fields of a cell that say what was trained here of what records show; none where no records do."""
    if here is None or not (place.row.variant and place.row.recipe):
        return {}
    data = here.choice.column_data(place.column)
    failures = of_runs(here.choice.failed, data, place.row.variant, place.row.recipe)
    why = {"here_why": of_seeds(failures)} if failures else {}
    seeds = here.accuracies(place.row, place.column)
    if seeds.empty:
        return why
    mean, runs = float((seeds["value"] / place.factor).mean()), " ".join(seeds["run"])
    return why | {"here": mean, "here_n": len(seeds), "here_data": data, "here_runs": runs}


def _never_measured(row: Row, data: str, scale: str) -> Missing | None:
    """Why a row has no accuracy whatever is run; None where it may have one."""
    if not row.variant:
        return _no_model(row)
    if not row.recipe:
        lifting = resolve_variants()[row.variant].kind == LIFTING
        return NO_ROOM if row.out_of_memory else NOT_BY_ITS_OWN if lifting else NOT_TRAINED
    if data == NO_SUCH_DATA:
        return NOT_THEIRS if scale == PAPER else NOT_FILMED
    return None


def _no_model(row: Row) -> Missing:
    return NO_MODEL._replace(why=row.missing) if row.missing else NO_MODEL


def _not_measured(why: str) -> Missing:
    return Missing("not measured", why)


def _judge(place: Place, seeds: pd.DataFrame, numbers: Numbers) -> Verdict:
    """Verdict on an accuracy; seeds: its measurements."""
    column, choice, video = place.column, numbers.choice, isinstance(place.column, VideoColumn)
    measured = summarise(seeds["value"])
    if choice.scale != PAPER:
        data = choice.column_data(column) if video else choice.motion
        return judge_accuracy(place.printed, measured, choice.scale, column.printed_on, data)
    less = _departures(numbers.experiment(place.row, column), place.row.recipe, column.about)
    if not video and column.input == "detected" and choice.detector != PAPER_DETECTORS[0]:
        less.append(f"key points of {choice.detector}")
    return judge_accuracy(place.printed, measured, choice.scale, column.about, column.about or choice.motion, less)


def _departures(runs: pd.DataFrame, recipe: str, benchmark: str | None) -> list[str]:
    """What of the paper's data or training is missing behind an experiment's runs, by their rows `condition`."""
    rows = pick(runs, metric=CONDITION)
    conditions = {name: int(value) for name, value in zip(rows["convention"], rows["value"], strict=True)}
    if recipe == OFFICIAL:  # trained elsewhere
        conditions = {name: value for name, value in conditions.items() if name == "test"}
    less = departures(str(benchmark), conditions)
    whole = recipes()[recipe].epochs if recipe in recipes() else 0
    if conditions.get("epochs", whole) < whole:
        less.append(f"{conditions['epochs']} of {whole} epochs")
    return less + ([f"epochs of {conditions['steps']} steps"] if "steps" in conditions else [])


def _why_no_accuracy(place: Place, numbers: Numbers) -> Verdict:
    """Why a variant has no number here: no data, no such split, not selected in the config, or protocol not scored."""
    column, printed = place.column, place.printed
    data, convention = numbers.choice.column_data(column), numbers.convention(column)
    own, on_data = numbers.experiment(place.row, column), numbers.data(data)
    if on_data.empty and (data in BENCHMARKS or Dataset.parse(data).motion in BENCHMARKS):
        return judge_missing(printed, NO_DATA)
    if numbers.choice.kept and own.empty:
        return judge_missing(printed, _not_recorded(numbers.choice))
    if isinstance(column, VideoColumn) and column.boxes == "unstated":
        return _either_boxes(place, own, numbers)
    splits = set(on_data["convention"].str.split("/").str[1])
    if splits and column.split not in splits:
        return judge_missing(printed, Missing("no split", f"dataset {data} has no split `{column.split}`"))
    if own.empty:
        return judge_missing(printed, NOT_SELECTED)
    return judge_missing(printed, _not_measured(f"no {column.metric} measured under `{convention}`"))


def _not_recorded(choice: Choice) -> Missing:
    command = make("record", choice.scale, choice.motion)
    return Missing("not recorded", f"not recorded yet; `{command}` trains what is missing")


def _either_boxes(place: Place, own: pd.DataFrame, numbers: Numbers) -> Verdict:
    """A paper that does not say which boxes it used is compared with none; what both kinds give is said."""
    given = []
    for words, boxes in {"a detector's boxes": "detected", "true boxes": "gt"}.items():
        convention = numbers.convention(replace(place.column, boxes=boxes))
        values = pick(own, metric=place.column.metric, convention=convention)["value"]
        given += [f"{values.mean():.1f} with {words}"] if len(values) else []
    if not given:
        return judge_missing(place.printed, NO_BOXES)
    return Verdict(NOT_COMPARABLE, f"boxes not stated by the paper: {' and '.join(given)}")


def memory_cell(place: Place, numbers: Numbers) -> Cell:
    """A printed "OOM": the predicted memory of a training step at full paper size beside the paper's device's."""
    about = {"convention": PREDICTED, "scale": EFFICIENCY_SCALE}
    predicted = pick(numbers.counts(place.row.variant, MEMORY), convention=PREDICTED)
    if predicted.empty:
        failure = of_counts(numbers.failed, place.row.variant, timed=False)
        reason = failure.reason if failure else f"{MEMORY} not predicted"
        return place.cell(Verdict(NOT_RUN, reason), **about)
    verdict = judge_memory(predicted["value"].iloc[0], parse_printed(place.table.device_memory, "GiB"))
    return place.cell(verdict, device=predicted["device"].iloc[0], **about)


# A new kind of column is a class in studies/types.py, and how its cells are judged is an entry here.
JUDGES: dict[type[Column], Callable[[Place, Numbers], Cell]] = {
    FactColumn: fact_cell,
    CountColumn: count_cell,
    LiftingColumn: accuracy_cell,
    VideoColumn: accuracy_cell,
}
