"""One cell of a table: what the paper prints, what was measured, and the verdict on it."""

import pandas as pd

from reports.failures import of_counts, of_runs, of_seeds
from reports.measurements import EFFICIENCY_SCALE, NO_SUCH_DATA, Choice, pick, summarise
from reports.verdicts import (
    BENCHMARKS,
    NO_BOXES,
    NO_DATA,
    NO_MODEL,
    NO_ROOM,
    NOT_BY_ITS_OWN,
    NOT_COMPARABLE,
    NOT_FILMED,
    NOT_RUN,
    NOT_THEIRS,
    Verdict,
    judge_accuracy,
    judge_efficiency,
    judge_memory,
    judge_missing,
    same_digits,
)
from studies.benchmarks import departures
from studies.load import recipes
from studies.measurements import CONDITION
from studies.paper import DETECTORS, PAPER, PUBLISHED
from studies.plan import benchmark_of
from studies.printed import OUT_OF_MEMORY, UNITS, Printed, parse_printed
from studies.types import AccuracyColumn, CountColumn, MeasuredColumn, Row, VideoColumn
from studies.variants import resolve_variants

CELL_FIELDS = (
    "unit",
    "printed",
    "printed_value",
    "decimals",
    "measured",
    "n",
    "sd",
    "low",
    "high",
    "difference",
    "convention",
    "scale",
    "dataset",
    "device",
    "verdict",
    "why",
    "also_true",
    "matches",
    "runs",
    "seeds_failed",
)
TRUE = "true"
NOT_SELECTED = "not selected in config"


def fact_cell(text: str) -> dict:
    """A cell that describes the row (frames, year, ...): printed only, no verdict."""
    return {"printed": text, "verdict": "", "why": ""}


def efficiency_cell(text: str, row: Row, column: CountColumn, measurements: pd.DataFrame, choice: Choice) -> dict:
    """A count or timing at full paper size, under the column's convention, with the other conventions beside it."""
    printed, cell = _printed(text, column)
    convention = column.convention
    cell |= {"convention": convention, "scale": EFFICIENCY_SCALE}
    if not row.variant:
        return cell | judge_missing(printed, row.missing or NO_MODEL)._asdict()
    found = pick(measurements, scale=EFFICIENCY_SCALE, variant=row.variant, metric=column.metric)
    values = dict(zip(found["convention"], found["value"], strict=True))  # base units
    if convention not in values:
        failure = of_counts(choice.failed, row.variant, timed=convention == "measured")
        reason = f"{column.metric} not measured under convention `{convention}`"
        return cell | judge_missing(printed, failure.reason if failure else reason)._asdict()
    same = same_digits(printed, values | _by_length(row, column, values), convention)
    verdict = judge_efficiency(printed, values[convention], convention, same)
    factor = _factor(cell["unit"])
    return (
        cell
        | _measured(printed, values[convention] / factor)
        | verdict._asdict()
        | {
            "also_true": values[TRUE] / factor if TRUE in values and convention != TRUE else None,
            "matches": ", ".join(same),
            "device": found.loc[found["convention"] == convention, "device"].iloc[0],
        }
    )


def _by_length(row: Row, column: CountColumn, values: dict[str, float]) -> dict[str, float]:
    """Counts that a paper may have meant, which have the clip length in them once too often or too seldom.

    A pass times T; and for a frame, a pass divided by T of a network that answers for one frame, or the paper's own
    number for a pass, as it is printed, divided by T.
    """
    variant = resolve_variants()[row.variant]
    frames = variant["hyper"]["frames"]
    if column.metric == "macs_per_clip":
        return {f"{name} x T": value * frames for name, value in values.items()}
    if column.metric != "macs_per_frame":
        return {}
    printed = parse_printed(row.cells.get("macs", ""), "G")
    found = {f"{name}/T": value / frames for name, value in values.items()}
    return found | ({"printed MACs/T": printed.value * printed.factor / frames} if printed else {})


def accuracy_cell(
    text: str, row: Row, column: AccuracyColumn, measurements: pd.DataFrame, choice: Choice, benchmark: str | None
) -> dict:
    """An error or percentage: mean over seeds, at the chosen scale, data and epoch selection."""
    printed, cell = _printed(text, column)
    data, convention = choice.column_data(column), accuracy_convention(column, choice)
    cell |= {"convention": convention, "scale": choice.scale, "dataset": data}
    if not row.variant:
        return cell | judge_missing(printed, row.missing or NO_MODEL)._asdict()
    if not row.recipe:
        reason = NO_ROOM if row.out_of_memory else NOT_BY_ITS_OWN
        return cell | judge_missing(printed, reason)._asdict()
    if data == NO_SUCH_DATA:
        return cell | judge_missing(printed, NOT_THEIRS if choice.scale == PAPER else NOT_FILMED)._asdict()
    runs = pick(measurements, scale=choice.scale, dataset=data)
    mine = pick(runs, variant=row.variant, recipe=row.recipe)
    found = pick(mine, metric=column.metric, convention=convention)
    failures = of_runs(choice.failed, data, row.variant, row.recipe)
    if found.empty and failures:
        return cell | judge_missing(printed, of_seeds(failures))._asdict()
    if found.empty:
        return cell | _why_no_accuracy(printed, mine, runs, data, convention, column)._asdict()
    verdict = _judge(printed, mine, found, column, choice, benchmark)
    if failures:  # the mean is over the seeds that ended
        verdict = verdict._replace(why=f"{verdict.why}; {of_seeds(failures)}")
    shown = summarise(found["value"] / _factor(cell["unit"]))
    spread = {"n": shown.n, "sd": shown.sd, "low": shown.low, "high": shown.high}
    runs_used = {"device": found["device"].iloc[0], "runs": " ".join(found["run"]), "seeds_failed": len(failures)}
    return cell | _measured(printed, shown.mean) | spread | verdict._asdict() | runs_used


def _judge(
    printed: Printed | None,
    mine: pd.DataFrame,
    found: pd.DataFrame,
    column: AccuracyColumn,
    choice: Choice,
    benchmark: str | None,
) -> Verdict:
    """Verdict on an accuracy; mine: all rows of the runs, found: those of the column."""
    data = choice.column_data(column)
    video = isinstance(column, VideoColumn)
    benchmark = column.benchmark if video else benchmark
    if choice.scale != PAPER:
        return judge_accuracy(printed, summarise(found["value"]), choice, benchmark, data if video else None)
    benchmark = column.about
    less = _departures(mine, str(benchmark))
    if not video and column.input == "detected" and choice.detector != DETECTORS[0]:
        less.append(f"key points of {choice.detector}")
    return judge_accuracy(printed, summarise(found["value"]), choice, benchmark, benchmark, less)


def _departures(mine: pd.DataFrame, benchmark: str) -> list[str]:
    """What of the paper's data or training is missing behind an experiment's runs, by their rows `condition`."""
    rows = pick(mine, metric=CONDITION)
    known = {name: int(value) for name, value in zip(rows["convention"], rows["value"], strict=True)}
    if mine["recipe"].iloc[0] == PUBLISHED:  # trained elsewhere
        known = {name: value for name, value in known.items() if name == "test"}
    less = departures(benchmark, known)
    whole = recipes().get(mine["recipe"].iloc[0], {}).get("epochs", 0)
    if known.get("epochs", whole) < whole:
        less.append(f"{known['epochs']} of {whole} epochs")
    return less + ([f"epochs of {known['steps']} steps"] if "steps" in known else [])


def accuracy_convention(column: AccuracyColumn, choice: Choice) -> str:
    """Protocol, split and selection of epochs under which an accuracy column is measured."""
    return f"{_protocol(column, choice)}/{column.split}/{column.selection or choice.selection}"


def accuracy_rows(row: Row, column: AccuracyColumn, measurements: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """The measurements behind a cell, a row a seed, by seed; empty where nothing was measured."""
    wanted = {"scale": choice.scale, "dataset": choice.column_data(column), "metric": column.metric}
    wanted |= {"variant": row.variant, "recipe": row.recipe}
    found = pick(measurements, **wanted, convention=accuracy_convention(column, choice))
    return found.sort_values("seed")


def memory_cell(row: Row, device_memory: str, measurements: pd.DataFrame, choice: Choice) -> dict:
    """A printed "OOM": the predicted memory of a training step at full paper size beside the paper's device's."""
    cell = {"printed": OUT_OF_MEMORY, "convention": "predicted", "scale": EFFICIENCY_SCALE}
    wanted = {"scale": EFFICIENCY_SCALE, "metric": "training_memory", "convention": "predicted"}
    found = pick(measurements, variant=row.variant, **wanted)
    if found.empty:
        failure = of_counts(choice.failed, row.variant, timed=False)
        return cell | Verdict(NOT_RUN, failure.reason if failure else "training_memory not predicted")._asdict()
    verdict = judge_memory(found["value"].iloc[0], parse_printed(device_memory, "GiB"))
    return cell | verdict._asdict() | {"device": found["device"].iloc[0]}


def _protocol(column: AccuracyColumn, choice: Choice) -> str:
    """Protocol that is measured: MPI-INF-3DHP's pools all frames, and that is what stands for it on other data.

    For video with the boxes, and with what stands for the neighbours: `poseval+gt-boxes+copies`.
    """
    if isinstance(column, VideoColumn):
        return f"{column.protocol}+{column.condition}"
    elsewhere = column.protocol == "mpi-inf-3dhp" and choice.scale != PAPER
    return "pooled" if elsewhere else column.protocol


def _printed(text: str, column: MeasuredColumn) -> tuple[Printed | None, dict]:
    """The printed number, None where the paper prints none, and what the cell says of it."""
    printed = parse_printed(text, column.unit)
    unit = printed.unit if printed else column.unit
    known = {"printed_value": printed.value, "decimals": printed.decimals} if printed else {}
    return printed, {"unit": unit, "printed": text} | known


def _factor(unit: str) -> int:
    """Base units in one `unit`; units that no paper prints (ms, MiB) are their own base."""
    return UNITS[unit][1] if unit in UNITS else 1


def _measured(printed: Printed | None, value: float) -> dict:
    """A measured value and its difference from the printed one, both in the cell's unit."""
    return {"measured": value, "difference": value - printed.value if printed else None}


def _either_boxes(printed: Printed | None, mine: pd.DataFrame, convention: str, column: AccuracyColumn) -> Verdict:
    """A paper that does not say which boxes it used is compared with none; what both kinds give is said."""
    found = pick(mine, metric=column.metric)
    kinds = {"a detector's boxes": "detected", "true boxes": "gt"}
    asked = {words: convention.replace("unstated", kind) for words, kind in kinds.items()}
    values = {words: found.loc[found["convention"] == name, "value"] for words, name in asked.items()}
    told = [f"{value.mean():.1f} with {words}" for words, value in values.items() if len(value)]
    if not told:
        return judge_missing(printed, NO_BOXES)
    return Verdict(NOT_COMPARABLE, f"which boxes is not stated: {' and '.join(told)}")


def _why_no_accuracy(
    printed: Printed | None, mine: pd.DataFrame, runs: pd.DataFrame, data: str, convention: str, column: dict
) -> Verdict:
    """Why a variant has no number here: no data, no such split, not selected in the config, or protocol not scored."""
    if runs.empty and (data in BENCHMARKS or benchmark_of(data) in BENCHMARKS):
        return judge_missing(printed, NO_DATA)
    if isinstance(column, VideoColumn) and column.boxes == "unstated":
        return _either_boxes(printed, mine, convention, column)
    split = convention.split("/")[1]
    splits = set(runs["convention"].str.split("/").str[1])
    if splits and split not in splits:
        return judge_missing(printed, f"dataset {data} has no split `{split}`")
    if mine.empty:
        return judge_missing(printed, NOT_SELECTED)
    return judge_missing(printed, f"no {column.metric} measured under `{convention}`")
