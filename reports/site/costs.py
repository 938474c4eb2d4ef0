"""What the page of costs shows: each network from the profiler's count to the true one, and under all conventions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from base.files import read_csv
from reports.measurements import EFFICIENCY_SCALE, label_of, pick
from reports.tables.causes import CUT_OFF, EXACT, NO_RULE
from reports.tables.cell import TRUE, Cell
from studies.measurements import PART_COLUMNS
from studies.printed import UNITS
from studies.types import CountColumn, Study
from studies.variants import resolve_variants

PROFILER, CLIP, FRAME, PARAMS = "paper", "macs_per_clip", "macs_per_frame", "params"
RULES = ("paper", "true", "paper-leaf", "operators", "fvcore")  # conventions in the order of the page
METRICS = {PARAMS: "Parameters", CLIP: "MACs per clip", FRAME: "MACs per evaluated frame"}
FIRST = "posemamba-s"  # shown before anybody chooses
# What the parts of counts are, in a few words.
PARTS = {
    "layers": "linear layers and convolutions",
    "norms": "the profiler counts 4 operations per element of a norm; none is a multiply-accumulate",
    "softmax": "the profiler counts softmax layers, which have no multiply-accumulates",
    "resizing": "the profiler counts maps that layers enlarge or pool, which have no multiply-accumulates",
    "transposed convolutions": "the profiler counts them by their output, stride² times too often",
    "layers never called": "layers whose weights are used as a function, which the profiler does not see",
    "x_proj": "the projection to step sizes, B and C of a scan",
    "dt_proj": "the low-rank step sizes of a scan",
    "scan": "the recurrence: state update and output",
    "dt_bias": "biases of step sizes",
    "A_log": "decay rates of the states",
    "D": "the skip of a scan",
    "deformable taps": "products of deformable convolutions",
    "products without weights": "attention and computed graphs",
    "tables of positions": "positional tables",
    "frozen": "weights that do not train; tables leave them out",
}
# What is measured of time and memory: its name, and the unit's least number that is shown.
TIMINGS = {"latency": "time per clip", "throughput": "throughput", "peak_memory": "peak memory"}
TIMINGS["training_memory"] = "memory of a training step"
LEAST = 0.1
COUNTED = "counted"  # the device of what no device measured
PREDICTED = {"predicted": "from the sizes of tensors", "predicted-fused": "the same, with fused attention"}


@dataclass(frozen=True)
class Step:
    """A line of a waterfall: what is added or taken away, by how much, and from where to where of the larger end.

    kind : `start`, `less`, `more` or `end`; low, high: shares of the widest bar, 0 to 1
    """

    kind: str
    label: str
    about: str
    value: int
    low: float
    high: float


@dataclass(frozen=True)
class Tick:
    """A printed number of a network: its text, why it is what it is, its share of the widest bar, and where it stands.

    places : what a link says, and where it leads
    """

    text: str
    cause: str
    share: float
    places: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Bar:
    """A network under one rule: its count and share of the widest bar, or None of a rule that only printed ones fit."""

    rule: str
    value: float | None
    share: float
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Network:
    """A counted variant; `by`: convention -> metric -> its count; revisions: of the sources that it was counted from.

    waterfalls : metric -> its steps; bars: metric -> its counts under all conventions, with the printed numbers
    """

    name: str
    label: str
    family: str
    by: Mapping[str, Mapping[str, float]]
    revisions: str
    waterfalls: Mapping[str, tuple[Step, ...]]
    bars: Mapping[str, tuple[Bar, ...]]

    def count(self, convention: str, metric: str) -> float | None:
        return self.by.get(convention, {}).get(metric)

    def ratio(self, metric: str) -> float | None:
        """True count by that of the papers' profiler; None without one of them, or where it saw nothing."""
        true, seen = self.count(TRUE, metric), self.count(PROFILER, metric)
        return true / seen if true is not None and seen else None


def networks(
    measurements: pd.DataFrame, parts_csv: Path, studies: Sequence[Study], cells: Sequence[Cell]
) -> list[Network]:
    """Every counted variant, the one first whose MACs grow most.

    parts_csv: count-parts.csv; cells: of the studies. Raises InputError where it cannot be read.
    """
    counted = pick(measurements, scale=EFFICIENCY_SCALE, run="")
    counted = counted[counted["metric"].isin(METRICS) & counted["convention"].isin(RULES)]
    parts = read_csv(parts_csv, PART_COLUMNS, numbers=("value",), dtype=str, keep_default_na=False)
    of = dict(iter(parts.groupby("variant", sort=False)))
    printed = _printed(studies, cells)
    made = [
        _network(name, rows, of.get(name, parts.iloc[:0]), printed.get(name, []))
        for name, rows in counted.groupby("variant", sort=False)
    ]
    return sorted(made, key=lambda network: -(network.ratio(CLIP) or 0))


def _network(name: str, rows: pd.DataFrame, parts: pd.DataFrame, printed: Sequence[tuple[str, Cell]]) -> Network:
    by = {rule: dict(zip(own["metric"], own["value"], strict=True)) for rule, own in rows.groupby("convention")}
    known, revisions = resolve_variants().get(name), ", ".join(sorted(set(rows["revision"]) - {""}))
    return Network(
        name=name,
        label=label_of(name),
        family=known.family if known else "",
        by=by,
        revisions=revisions,
        waterfalls={metric: steps for metric in (CLIP, PARAMS) if (steps := _waterfall(pick(parts, metric=metric)))},
        bars={metric: bars for metric in METRICS if (bars := _bars(metric, by, printed))},
    )


def _waterfall(parts: pd.DataFrame) -> tuple[Step, ...]:
    """From the profiler's count to the true one, first what is taken away; nothing where one of them is not there."""
    seen, true = (_by_part(parts, convention) for convention in (PROFILER, TRUE))
    if not seen or not true:
        return ()
    changes = {part: true.get(part, 0) - seen.get(part, 0) for part in {**seen, **true}}
    changes = {part: n for part, n in changes.items() if n}
    place = total = sum(seen.values())
    lines = [("start", "the profiler", listed_parts(seen), total, 0, total)]
    for part, change in sorted(changes.items(), key=lambda item: (item[1] > 0, -abs(item[1]))):
        kind, place = ("more", place + change) if change > 0 else ("less", place + change)
        lines.append((kind, part, PARTS.get(part, ""), change, *sorted((place, place - change))))
    lines.append(("end", "all of it", listed_parts(true), place, 0, place))
    widest = max(high for *_, high in lines)
    return tuple(Step(*line, low / widest, high / widest) for *line, low, high in lines)


def _by_part(parts: pd.DataFrame, convention: str) -> dict[str, int]:
    own = pick(parts, convention=convention)
    return dict(zip(own["part"], map(int, own["value"]), strict=True))


def listed_parts(parts: Mapping[str, int]) -> str:
    """Parts of a count in words, the largest first."""
    unit = unit_of(sum(parts.values()))
    ordered = sorted(parts.items(), key=lambda item: -item[1])
    return " + ".join(f"{part} {amount(n, unit)}" for part, n in ordered) if len(ordered) > 1 else ""


def _printed(studies: Sequence[Study], cells: Sequence[Cell]) -> dict[str, list[tuple[str, Cell]]]:
    """Printed counts by variant, each with its metric."""
    rows = {(s.name, t.id, r.id): r.variant for s in studies for t in s.tables for r in t.rows}
    columns = {(s.name, t.id, c.id): c for s in studies for t in s.tables for c in t.columns}
    printed: dict[str, list[tuple[str, Cell]]] = {}
    for cell in cells:
        table = (cell.study, cell.table)
        variant, column = rows.get((*table, cell.row)), columns.get((*table, cell.column))
        if variant and cell.cause and isinstance(column, CountColumn):
            printed.setdefault(variant, []).append((column.metric, cell))
    return printed


def _bars(metric: str, by: Mapping[str, Mapping[str, float]], printed: Sequence[tuple[str, Cell]]) -> tuple[Bar, ...]:
    """A network's counts under all conventions, and below them the rules that only printed numbers fit."""
    counts = {rule: by[rule][metric] for rule in RULES if metric in by.get(rule, {})}
    own = [cell for about, cell in printed if about == metric]
    widest = max([*counts.values(), *(cell.printed_base for cell in own)], default=0)
    if not widest:
        return ()
    places: dict[str, dict[tuple[str, str, float], list[tuple[str, str]]]] = {rule: {} for rule in counts}
    for cell in own:
        number = (cell.printed, cell.cause, cell.printed_base / widest)
        place = (f"{cell.study}, {cell.row_label}", f"{cell.study}.html#{cell.table}")
        places.setdefault(_shown_at(_rule(cell), counts), {}).setdefault(number, []).append(place)
    return tuple(
        Bar(rule, counts.get(rule), counts.get(rule, 0) / widest, tuple(Tick(*n, tuple(at)) for n, at in ticks.items()))
        for rule, ticks in places.items()
    )


def _rule(cell: Cell) -> str:
    """The rule that a printed number fits: the column's own convention, or the simplest other one."""
    return cell.convention if cell.cause == EXACT else cell.matches.split(", ")[0] or NO_RULE


def _shown_at(rule: str, counts: Mapping[str, float]) -> str:
    """The line of a rule: cut off digits stand at the count that they are of."""
    return plain if (plain := rule.removesuffix(CUT_OFF)) in counts else rule


def unit_of(value: float) -> str:
    """The largest unit that a number has at least one of."""
    return next((unit for unit in ("G", "M", "k") if abs(value) >= UNITS[unit][1]), "")


def amount(value: float, unit: str = "") -> str:
    """A number with three decimals in a unit, its own where it would be less than 0.001: 3.587 G."""
    if not unit or abs(value) < UNITS[unit][1] / 1000:
        unit = unit_of(value)
    return f"{value / UNITS[unit][1]:.3f} {unit}" if unit else f"{value:,.0f}"


def timings(measurements: pd.DataFrame) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Times and memory at full paper size: network, what, value, measured or predicted, under which rule, where."""
    measured = pick(measurements, scale=EFFICIENCY_SCALE)
    spreads = measured[measured["metric"] == "latency_iqr"].set_index(["variant", "convention", "device"])["value"]
    for row in measured[measured["metric"].isin(TIMINGS)].itertuples():
        spread = spreads.get((row.variant, row.convention, row.device)) if row.metric == "latency" else None
        value = f"{row.value:,.1f} {row.unit}" if row.value >= LEAST else f"< {LEAST} {row.unit}"
        value += "" if spread is None else f" (interquartile range {spread:,.1f})"
        how = ("measured", row.convention, row.device)
        if row.device == COUNTED:
            how = ("predicted", PREDICTED[row.convention], "no device")
        yield (label_of(row.variant), TIMINGS[row.metric], value, *how)
