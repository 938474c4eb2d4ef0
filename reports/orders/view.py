"""From judged orders to what lists and pages show: sentences, texts, places on a line. Nothing is judged here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

from reports.commands import make
from reports.measurements import NO_SUCH_DATA, Choice
from reports.orders.order import (
    HOLDS,
    NOISE,
    NOT_RECORDED,
    OUTCOMES,
    REVERSED,
    SAME_NETWORK,
    JudgedOrder,
    count_outcomes,
)
from reports.records import DIFFERS, EVALUATED, RECORDED, STALE
from reports.tables.cell import NOT_LEARNED
from reports.tables.layout import number
from studies.data import VIDEO, Dataset
from studies.scales import PAPER, scale_named
from studies.types import Study, Table
from studies.variants import variant

SYMBOLS = {HOLDS: "✓", NOISE: "≈", REVERSED: "✗", NOT_LEARNED: "–", SAME_NETWORK: "=", NOT_RECORDED: "○"}
MEANING = {
    HOLDS: "the paper's better row is ahead, beyond chance",
    NOISE: "the runs cannot tell the rows apart; the smallest difference that they could have detected is beside it",
    REVERSED: "the other row is ahead, beyond chance",
    NOT_LEARNED: "a network is worse than the mean training pose, so the order says nothing",
    SAME_NETWORK: "shrunken to this scale, both rows are one network",
    NOT_RECORDED: "too few runs of the two rows",
}
HOW = (
    "A difference is positive where the paper's better row is ahead. "
    "It is the mean over seeds on the same test clips, with its 95 % interval. "
    "An order holds, or is reversed, if p < 0.05 after Holm over the orders of its table; "
    "the interval is of one order alone, so it may exclude 0 where the order is within noise. "
    "The smallest visible difference is the least that such runs would find four times in five."
)
STATE_WORDS = {
    RECORDED: "not evaluated here",
    EVALUATED: "as recorded",
    DIFFERS: "not as recorded",
    STALE: "stale: the code has since changed what it computes",
}
LEAD = "posemamba-s"  # the network whose sizes tell how much smaller all are
SIZES = ("depth", "width", "frames")


@dataclass(frozen=True)
class Line:
    """Places on a line from 0 to 1, whose middle is no difference; None where nothing is known.

    band : half the width of what is too small to be seen, at most 0.5
    """

    printed: float
    effect: float | None
    low: float | None
    high: float | None
    band: float | None


@dataclass(frozen=True)
class OrderView:
    """An order in texts.

    claim        `A better than B`; metric: as the paper's column is called
    source       where the paper states it; quote: its words, empty where the table alone shows it
    effect, interval, printed, visible   differences in `unit`; `–` where nothing is known
    evidence     how many seeds and takes, and what became of records
    runs         of either row its name, and seed and folder of each of its runs
    cells        name and id (study/table/row/column) of the two printed numbers
    notes        what our footnotes say of the two rows
    train, again commands that train both rows and judge the order again
    """

    id: str
    claim: str
    metric: str
    source: str
    quote: str
    outcome: str
    why: str
    effect: str
    interval: str
    printed: str
    visible: str
    unit: str
    evidence: str
    data: str
    runs: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    cells: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    train: str
    again: str
    line: Line

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.outcome]


@dataclass(frozen=True)
class TableOrders:
    """The orders of a table; limit: the difference at either end of their lines, as text with its unit."""

    study: str
    table: str
    heading: str
    limit: str
    orders: tuple[OrderView, ...]


def make_views(
    studies: Sequence[Study], orders: Sequence[JudgedOrder], choice: Choice
) -> dict[str, tuple[TableOrders, ...]]:
    """Title of a study -> its tables with orders, those with runs first, else in the order of the papers."""
    by_table: dict[tuple[str, str], list[JudgedOrder]] = {}
    for order in orders:
        by_table.setdefault((order.study, order.table), []).append(order)

    def has_runs(study: Study, table: Table) -> bool:
        return any(order.outcome in (HOLDS, NOISE, REVERSED) for order in by_table.get((study.name, table.id), ()))

    return {
        study.title: tuple(
            _table_orders(study, table, by_table[study.name, table.id], choice)
            for table in sorted(study.tables, key=lambda table: not has_runs(study, table))
            if (study.name, table.id) in by_table
        )
        for study in studies
        if any(order.study == study.name for order in orders)
    }


def summary(orders: Sequence[JudgedOrder]) -> str:
    """All orders in one sentence: on what they were judged, and how many have each outcome."""
    counts, judged = count_outcomes(orders), [order for order in orders if order.seeds]
    told = [f"{counts[HOLDS]} {'holds' if counts[HOLDS] == 1 else 'hold'}"]
    told += [f"{counts[outcome]} {outcome}" for outcome in OUTCOMES[1:] if counts[outcome]]
    about = [f"Of {len(orders)} claims of order", *([_evidence(judged)] if judged else [])]
    return f"{', '.join(about)}: {', '.join(told)}."


def limits(orders: Sequence[JudgedOrder]) -> str:
    """What runs that are not the papers' can say of the papers' orders; empty where they are the papers'."""
    scales = dict.fromkeys(order.scale for order in orders if order.scale != PAPER)
    meant = [f"Scale {scale}: {scale_named(scale).meaning}." for scale in scales]
    told = "An order that holds there supports the paper; one within noise or reversed does not refute it."
    return " ".join([*meant, told]) if meant else ""


def _evidence(orders: Sequence[JudgedOrder]) -> str:
    """`on cmu motion at scale small (PoseMamba-S with depth 3 of 10, ...)`."""
    motions = dict.fromkeys(Dataset.parse(order.dataset).motion for order in orders)
    scales = dict.fromkeys(order.scale for order in orders)
    where = "the papers' data" if PAPER in scales else f"{' and '.join(motions)} motion"
    return f"on {where} at scale {' and '.join(f'{name} ({_size(name)})' for name in scales)}"


def _size(scale: str) -> str:
    """How much smaller a scale makes networks."""
    lead = variant(LEAD)
    made = scale_named(scale).hyper(lead)
    smaller = [f"{size} {made[size]} of {lead.hyper[size]}" for size in SIZES if made[size] != lead.hyper[size]]
    return f"{lead.label} with {', '.join(smaller)}" if smaller else "networks of the papers' size"


def _table_orders(study: Study, table: Table, orders: Sequence[JudgedOrder], choice: Choice) -> TableOrders:
    ends = (abs(value) for order in orders for value in (order.printed, *_drawn(order)[1:]))
    limit = 1.05 * max(filter(isfinite, ends))
    views = tuple(_order_view(table, order, limit, choice) for order in orders)
    return TableOrders(study.name, table.id, table.heading, f"{number(limit, 1)} {views[0].unit}", views)


def _order_view(table: Table, order: JudgedOrder, limit: float, choice: Choice) -> OrderView:
    rows, names = zip(*((table.row(row), table.name(row)) for row in (order.better, order.worse)), strict=True)
    folders = (runs.split() for runs in (order.better_runs, order.worse_runs))
    runs = [tuple(zip(order.seeds.split(), each, strict=True)) for each in folders]
    texts = {
        name: _number(getattr(order, name), order.decimals, signed=name != "visible")
        for name in ("effect", "printed", "visible")
    }
    low, high = (_number(value, order.decimals, signed=True) for value in (order.low, order.high))
    notes = dict.fromkeys(table.footnotes[note] for row in rows for note in row.notes)
    return OrderView(
        id=order.id,
        claim=" better than ".join(names),
        metric=table.column(order.column).label,
        source=order.place or "by the table",
        quote=order.quote,
        outcome=order.outcome,
        why=order.why,
        interval=f"{low} to {high}" if isfinite(order.low) else "–",
        unit="points" if order.unit == "%" else order.unit,
        evidence=_counted(order),
        data=order.dataset,
        runs=tuple(zip(names, runs, strict=True)) if order.seeds else (),
        cells=tuple(
            (name, f"{order.study}/{order.table}/{row.id}/{order.column}")
            for name, row in zip(names, rows, strict=True)
        ),
        notes=tuple(note for note in notes if note.startswith("Ours:")),
        line=_line(order, limit),
        **_commands([row.variant for row in rows], order, choice),
        **texts,
    )


def _commands(variants: Sequence[str], order: JudgedOrder, choice: Choice) -> Mapping[str, str]:
    """What trains both rows again, and what evaluates their records or judges their runs; empty without data for it."""
    if order.dataset == NO_SUCH_DATA:
        return {"train": "", "again": ""}
    motion = choice.evidence.motion if order.scale != PAPER else Dataset.parse(order.dataset).motion
    seeds = {"seeds": order.seeds.replace(" ", ",")} if order.seeds else {}
    trained = {"variants": ",".join(dict.fromkeys(variants)), **seeds}
    again = make("verify" if choice.records else "orders", choice.scale, motion)
    return {"train": make("train", order.scale, motion, **trained), "again": again}


def _counted(order: JudgedOrder) -> str:
    """`3 seeds, 6 takes`, and what became of records; empty without runs."""
    if not order.seeds:
        return ""
    seeds, clusters = len(order.seeds.split()), "videos" if Dataset.parse(order.dataset).kind == VIDEO else "takes"
    told = [f"{seeds} seed{'s' * (seeds > 1)}", *([f"{order.clusters} {clusters}"] if order.clusters else [])]
    return ", ".join(filter(None, [*told, STATE_WORDS.get(order.record)]))


def _line(order: JudgedOrder, limit: float) -> Line:
    def place(value: float) -> float | None:
        return 0.5 + value / limit / 2 if isfinite(value) else None

    band = min(0.5, order.visible / limit / 2) if isfinite(order.visible) else None
    return Line(place(order.printed), *map(place, _drawn(order)), band)


def _drawn(order: JudgedOrder) -> tuple[float, float, float]:
    """Effect and interval on a line. A network that did not learn is not drawn: it would flatten all other lines."""
    return (nan,) * 3 if order.outcome == NOT_LEARNED else (order.effect, order.low, order.high)


def _number(value: float, decimals: int, signed: bool) -> str:
    return number(value, decimals, signed) if isfinite(value) else "–"


def legend(orders: Sequence[JudgedOrder]) -> Iterator[tuple[str, str, int, str]]:
    """Symbol, outcome, how many have it and what it means, of each outcome that there is."""
    for outcome, count in count_outcomes(orders).items():
        if count:
            yield SYMBOLS[outcome], outcome, count, MEANING[outcome]
