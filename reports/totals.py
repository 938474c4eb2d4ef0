"""What became of all that the papers print: costs by cause, orders by outcome, errors by what there is of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.orders.order import OUTCOMES, JudgedOrder
from reports.tables.causes import CAUSES
from reports.tables.cell import NOT_COMPARABLE, Cell
from studies.types import CountColumn

MEASURED = "measured under other conditions"
SAYS = {NOT_COMPARABLE: MEASURED}


@dataclass(frozen=True)
class Part:
    """A part of a bar: a word, how many, and which share of the bar that is."""

    word: str
    count: int
    share: float


@dataclass(frozen=True)
class Bar:
    """One kind of claim: how many there are, and what became of them, in a fixed order; parts of none are left out."""

    name: str
    about: str
    total: int
    parts: tuple[Part, ...]


def bars(cells: Sequence[Cell], orders: Sequence[JudgedOrder]) -> tuple[Bar, ...]:
    """Costs, orders and errors; numbers that are quoted from other papers are in none."""
    own = [cell for cell in cells if cell.is_judged and not cell.quoted]
    costs = [word_of(cell) for cell in own if cell.kind == CountColumn.kind]
    errors = [word_of(cell) for cell in own if cell.kind != CountColumn.kind]
    found = (
        _bar("Costs", "parameters, operations and memory at full paper size", costs, CAUSES),
        _bar(
            "Orders",
            "claims that one row of a table beats another, judged on trained networks",
            [o.outcome for o in orders],
            OUTCOMES,
        ),
        _bar("Errors", "millimetres and AP; a verdict needs the papers' own data and schedules", errors, (MEASURED,)),
    )
    return tuple(bar for bar in found if bar.total)


def word_of(cell: Cell) -> str:
    """What became of a printed number: the cause of a count's digits, what is missing, or the verdict."""
    return cell.cause or cell.missing or SAYS.get(cell.verdict, cell.verdict)


def quoted(cells: Iterable[Cell]) -> int:
    """How many numbers of other papers the tables show for context."""
    return sum(cell.is_judged and cell.quoted for cell in cells)


def _bar(name: str, about: str, words: Sequence[str], first: Iterable[str]) -> Bar:
    counts = Counter(words)
    order = dict.fromkeys([*(word for word in first if word in counts), *(word for word, _ in counts.most_common())])
    return Bar(name, about, len(words), tuple(Part(word, counts[word], counts[word] / len(words)) for word in order))
