"""What the page of leaderboards shows: ranks, values, pictures of error against cost, and every pair of networks."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from markupsafe import Markup

from reports.boards import Board, Ranking
from reports.commands import make
from reports.front import front
from reports.measurements import Choice
from reports.site.charts import curve_of
from reports.site.pages import render
from reports.site.runs import Experiment
from reports.tables.captions import SELECTIONS
from reports.tables.cell import BASELINE_SECTION, Cell
from reports.tables.layout import number
from reports.tables.rows import row_shown
from reports.tables.writers import md, md_row, tex
from studies.measurements import higher_is_better
from studies.printed import UNITS
from studies.types import CountColumn, MeasuredColumn, Study, Table
from studies.variants import resolve_variants

OTHERS = "Others"  # networks of no section


@dataclass(frozen=True)
class Column:
    """A column of a board: of a cost or of an accuracy; factor: from its unit to base units."""

    id: str
    label: str
    unit: str
    upwards: bool
    factor: float
    decimals: int
    about: str = ""


@dataclass(frozen=True)
class Value:
    """A number of a row, half its 95 % interval, and its rank: `3`, `2–5`, or empty where nothing is ranked."""

    value: float
    text: str
    half: float | None = None
    half_text: str = ""
    rank: str = ""
    first: int = 0


@dataclass(frozen=True)
class Entry:
    """A network: its values by column, its page, and what a reader takes home.

    groups  errors by action of the first accuracy; seeds: how many are behind it
    curve   (step, validation score) of its training, means over seeds
    record  what became of the records behind it; empty of runs
    markdown, latex : its row of a table, as the page shows it: rank, metrics, costs
    """

    id: str
    label: str
    section: str
    variant: str
    learned: bool
    baseline: bool
    values: Mapping[str, Value]
    seeds: int
    record: str
    page: str
    command: str
    groups: Mapping[str, float]
    curve: tuple[tuple[int, float], ...]
    markdown: str
    latex: str


@dataclass(frozen=True)
class Picture:
    """Error against a cost: an SVG of both columns."""

    cost: str
    metric: str
    svg: Markup


@dataclass(frozen=True)
class BoardView:
    """A leaderboard ready to be written; data: what its script needs to compare any two rows."""

    name: str
    about: str
    reference: str
    costs: tuple[Column, ...]
    metrics: tuple[Column, ...]
    entries: tuple[Entry, ...]
    absent: tuple[tuple[str, str], ...]
    pictures: tuple[Picture, ...]
    data: Mapping[str, object]

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.section for entry in self.entries))


def board_view(
    board: Board, study: Study, cells: Sequence[Cell], experiments: Mapping[tuple, Experiment], choice: Choice
) -> BoardView:
    """cells: of the board's table; experiments: by their key; choice: of what tables show."""
    table = study.table(board.table)
    metrics = tuple(_column(column) for column in table.ranked)
    counted = [c for c in table.columns if isinstance(c, CountColumn)]
    counted.sort(key=lambda c: not c.metric.startswith("macs"))  # what pictures show first
    costs = tuple(_column(c) for c in counted)
    rankings = {ranking.column: ranking for ranking in board.rankings}
    rows = [(row, {cell.column: cell for cell in own}) for row, own in groupby(cells, lambda cell: cell.row)]
    shown = [(row, at) for row, at in rows if any(at[m.id].measured is not None for m in metrics)]
    entries = [_entry(row, at, table, (*metrics, *costs), rankings, experiments, choice) for row, at in shown]
    entries.sort(key=lambda entry: _place(entry, metrics[0]))
    absent = tuple(
        (at[metrics[0].id].row_label, at[metrics[0].id].missing) for row, at in rows if (row, at) not in shown
    )
    pictures = tuple(Picture(c.id, m.id, _picture(entries, c, m)) for c in costs for m in metrics)
    return BoardView(
        board.name,
        _about(table, cells, entries, _frames(entries, experiments), choice),
        table.reference or (entries[0].id if entries else ""),
        costs,
        metrics,
        tuple(entries),
        absent,
        pictures,
        _data(entries, metrics, costs, board),
    )


def _place(entry: Entry, metric: Column) -> tuple:
    """Those that learned first, by their value."""
    value = entry.values.get(metric.id)
    return not entry.learned, value is None, (-1 if metric.upwards else 1) * value.value if value else 0.0


def _column(column: MeasuredColumn) -> Column:
    about = f"convention {column.convention}" if isinstance(column, CountColumn) else f"protocol {column.protocol}"
    upwards, decimals = higher_is_better(column.metric), column.unprinted_decimals
    return Column(column.id, column.label, column.unit, upwards, UNITS[column.unit][1], decimals, about)


def _entry(
    row: str,
    at: Mapping[str, Cell],
    table: Table,
    columns: Sequence[Column],
    rankings: Mapping[str, Ranking],
    experiments: Mapping[tuple, Experiment],
    choice: Choice,
) -> Entry:
    first, shown = at[table.ranked[0].id], row_shown(table, row)
    values = {c.id: _value(at[c.id], c, rankings.get(c.id)) for c in columns if at[c.id].measured is not None}
    experiment = experiments.get((first.dataset, shown.variant, shown.recipe))
    groups = experiment.groups(choice.selection).get("action") if experiment else None
    metric = table.ranked[0].metric
    ranked = values.get(table.ranked[0].id)
    rank = (ranked and ranked.rank) or "–"
    texts = [first.row_label, rank, *(_whole(values[c.id]) if c.id in values else "–" for c in columns)]
    return Entry(
        id=row,
        label=first.row_label,
        section=first.section or OTHERS,
        variant=shown.variant,
        learned=any(row in ranking.ranks for ranking in rankings.values()),
        baseline=first.section == BASELINE_SECTION,
        values=values,
        seeds=first.n or 0,
        record=first.record,
        page=experiment.page if experiment else "",
        command=make("train", choice.scale, choice.motion, variants=shown.variant, seeds=_seeds(experiment)),
        groups=dict(groups[metric]) if groups is not None and metric in groups else {},
        curve=curve_of(experiment) if experiment else (),
        markdown=md_row([md(text) for text in texts]),
        latex=" & ".join(tex(text) for text in texts) + r" \\",
    )


def _seeds(experiment: Experiment | None) -> str:
    return ",".join(str(run.seed) for run in experiment.runs) if experiment else "0"


def _value(cell: Cell, column: Column, ranking: Ranking | None) -> Value:
    best, worst = ranking.ranks.get(cell.row, (0, 0)) if ranking else (0, 0)
    rank = "" if not best else str(best) if best == worst else f"{best}–{worst}"
    half = "" if cell.half is None else number(cell.half, column.decimals)
    return Value(cell.measured, number(cell.measured, column.decimals), cell.half, half, rank, best)


def _whole(value: Value) -> str:
    return f"{value.text} ± {value.half_text}" if value.half_text else value.text


def _frames(entries: Sequence[Entry], experiments: Mapping[tuple, Experiment]) -> list[int]:
    """Frames of the clips that the networks were trained on, baselines left out."""
    pages = {entry.page for entry in entries if not entry.baseline}
    specs = (e.runs[0].about.get("spec", {}) for e in experiments.values() if e.page in pages)
    return sorted({spec["hyper"]["frames"] for spec in specs if "frames" in spec.get("hyper", {})})


def _about(table: Table, cells: Sequence[Cell], entries: Sequence[Entry], frames: Sequence[int], choice: Choice) -> str:
    """What all rows have in common."""
    recipes = sorted({row.recipe for row in table.rows if row.recipe})
    seeds = sorted({entry.seeds for entry in entries if not entry.baseline})
    data = sorted({cell.dataset for cell in cells if cell.dataset})
    parts = [f"{', '.join(data)}" if data else f"{choice.motion} motion", f"scale {choice.scale}"]
    parts += [f"clips of {frames[0]} frames"] if len(frames) == 1 else []
    parts += [f"recipe {', '.join(recipes)}", SELECTIONS[choice.selection]]
    parts += [seeds_said(seeds)] if seeds else []
    return "; ".join(parts)


def seeds_said(seeds: Sequence[int]) -> str:
    """How many seeds are behind the rows, in order, and what a single one leaves open."""
    least, most = seeds[0], seeds[-1]
    if most == 1:
        return "1 seed, so ranks and intervals are of these very networks and not of their methods"
    return f"{least} to {most} seeds" if least < most else f"{most} seeds"


def _data(
    entries: Iterable[Entry], metrics: Sequence[Column], costs: Sequence[Column], board: Board
) -> dict[str, object]:
    """For the script: values and groups by row, and duels by column as [difference, low, high, better] in its unit."""
    factors = {metric.id: metric.factor for metric in metrics}
    duels = {
        ranking.column: {
            f"{d.first}|{d.second}": [
                *(None if x is None else x / factors[ranking.column] for x in (d.difference, d.low, d.high)),
                d.better,
            ]
            for d in ranking.duels
        }
        for ranking in board.rankings
    }
    columns = [
        {"id": c.id, "label": c.label, "unit": c.unit, "upwards": c.upwards, "decimals": c.decimals, "cost": c in costs}
        for c in (*costs, *metrics)
    ]
    rows = {
        e.id: {
            "label": e.label,
            "values": {key: [v.value, v.text, v.half_text, v.rank] for key, v in e.values.items()},
            "groups": {name: round(float(value), 2) for name, value in e.groups.items()},
            "curve": e.curve,
            "command": e.command,
            "page": e.page,
            "variant": e.variant if e.variant in resolve_variants() else "",
            "markdown": e.markdown,
            "latex": e.latex,
        }
        for e in entries
    }
    return {"columns": columns, "head": _head((*metrics, *costs)), "rows": rows, "duels": duels}


def _head(columns: Sequence[Column]) -> dict[str, str]:
    """What stands above a copied row."""
    texts = ["Network", f"Rank by {columns[0].label}", *(f"{c.label} ({c.unit})" for c in columns)]
    markdown = f"{md_row([md(text) for text in texts])}\n{md_row(['---', *['---:'] * (len(texts) - 1)])}"
    return {"markdown": markdown, "latex": " & ".join(tex(text) for text in texts) + r" \\ \midrule"}


# --- the picture ------------------------------------------------------------------------------------------

Position = Callable[[float], float]  # of a value in the picture
LETTER, LINE = 6.6, 13.0  # width and height of a label's letters
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 360, 52, 12, 10, 40


@dataclass(frozen=True)
class Dot:
    """A network in the picture: where it is, from where to where its interval goes, and where its label is.

    left : whether the label ends at the dot instead of beginning there
    """

    id: str
    label: str
    x: float
    y: float
    low: float
    high: float
    left: bool
    title: str
    label_y: float = 0.0

    @property
    def extent(self) -> tuple[float, float]:
        """From where to where the label goes, about."""
        width = LETTER * len(self.label)
        return (self.x - 8 - width, self.x - 8) if self.left else (self.x + 8, self.x + 8 + width)


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


def _picture(entries: Sequence[Entry], cost: Column, metric: Column) -> Markup:
    """Networks that learned and have both numbers; the baselines as lines across."""
    both = [e for e in entries if e.learned and not e.baseline and {cost.id, metric.id} <= set(e.values)]
    if not both:
        return Markup("")
    low, high = _range(both, metric)
    reach = high - low
    baselines = [e for e in entries if e.baseline and metric.id in e.values]
    lines = [e for e in baselines if low - reach < e.values[metric.id].value < high + reach]  # others are far off
    low, high = _range([*both, *lines], metric)
    costs = [e.values[cost.id].value for e in both]
    least, most = math.log10(min(costs)) - 0.1, math.log10(max(costs)) + 0.25

    def across(value: float) -> float:
        return LEFT + (math.log10(value) - least) / (most - least) * (WIDTH - LEFT - RIGHT)

    def down(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    dots = _apart([_dot(e, cost, metric, across, down) for e in both])
    return Markup(
        render(
            "scatter.svg",
            width=WIDTH,
            height=HEIGHT,
            frame=(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM),
            dots=dots,
            front=[(dot.x, dot.y) for dot in front(dots, lambda dot: (dot.x, dot.y if metric.upwards else -dot.y))],
            lines=[(e.label, down(e.values[metric.id].value)) for e in lines],
            xs=[Tick(across(v), f"{v:g}") for v in _decades(10**least, 10**most)],
            ys=[Tick(down(v), f"{v:g}") for v in _steps(low, high)],
            x_label=f"{cost.label} ({cost.unit}, logarithmic)",
            y_label=f"{metric.label} ({metric.unit})",
        )
    )


def _range(entries: Sequence[Entry], metric: Column) -> tuple[float, float]:
    ends = [
        x for e in entries for v in [e.values[metric.id]] for x in (v.value - (v.half or 0), v.value + (v.half or 0))
    ]
    margin = 0.06 * ((max(ends) - min(ends)) or 1.0)
    return min(ends) - margin, max(ends) + margin


def _dot(entry: Entry, cost: Column, metric: Column, across: Position, down: Position) -> Dot:
    at, value = across(entry.values[cost.id].value), entry.values[metric.id]
    half = value.half or 0.0
    title = f"{entry.label}: {_whole(value)} {metric.unit}, {entry.values[cost.id].text} {cost.unit}"
    ends = (down(value.value - half), down(value.value + half))
    return Dot(entry.id, entry.label, at, down(value.value), *ends, at > 0.75 * WIDTH, title)


def _apart(dots: Sequence[Dot]) -> list[Dot]:
    """The same with labels moved down until none lies on another."""
    placed: list[Dot] = []
    for dot in sorted(dots, key=lambda dot: dot.y):
        (begin, end), y = dot.extent, dot.y + 4
        beside = sorted(d.label_y for d in placed if d.extent[0] < end and begin < d.extent[1])
        for other in beside:
            if abs(other - y) < LINE:
                y = other + LINE
        placed.append(replace(dot, label_y=y))
    return placed


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within a range."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**p for p in powers for m in (1, 2, 5) if low <= m * 10.0**p <= high]


def _steps(low: float, high: float) -> list[float]:
    """About five round numbers within a range."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    return [round(k * step, 10) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
