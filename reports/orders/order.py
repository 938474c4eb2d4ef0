"""A claim of order, judged: the contract of `orders.csv`, which pages, lists and the summary read."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from base.errors import InputError
from base.files import read_csv, write_rows
from reports.tables.cell import NOT_LEARNED

HOLDS, NOISE, REVERSED = "holds", "within noise", "reversed"
SAME_NETWORK, NOT_RECORDED = "not separable", "not recorded"
OUTCOMES = (HOLDS, NOISE, REVERSED, NOT_LEARNED, SAME_NETWORK, NOT_RECORDED)
UNKNOWN = math.nan


@dataclass(frozen=True, kw_only=True)
class JudgedOrder:
    """What the runs of two rows say of a claim that one is better. Its fields are the columns of orders.csv.

    better, worse    ids of the rows, as the paper has them; column: whose printed numbers say so, judged: whose
                     measured ones judge it
    printed          the paper's own difference, with its decimals; like all differences here it is in base units
                     (`studies.printed.UNITS`), and positive where the better row is ahead
    scale, dataset   of the runs; seeds: those that both rows have, `0 1 2`; clusters: takes or videos of the test set
    effect           the measured difference, mean over seeds, with its 95 % interval `low` to `high`
    by_seeds, by_clusters  its two standard errors; p_holm: p adjusted for all orders of the table
    visible          the smallest true difference found four times in five, beside the table's other orders
    noise_floor      how far two runs with the same seed are apart on this device
    record           what became of the records among them, of several the last of `reports.records.STATES`; empty: none
    better_runs, worse_runs  folders of the runs, separated by blanks
    quote, place     the paper's words and where they stand; empty: by the table
    NaN where nothing is known.
    """

    study: str
    table: str
    better: str
    worse: str
    column: str
    judged: str
    metric: str
    convention: str
    scale: str
    dataset: str
    unit: str
    printed: float
    decimals: int
    better_mean: float = UNKNOWN
    worse_mean: float = UNKNOWN
    effect: float = UNKNOWN
    low: float = UNKNOWN
    high: float = UNKNOWN
    by_seeds: float = UNKNOWN
    by_clusters: float = UNKNOWN
    p: float = UNKNOWN
    p_holm: float = UNKNOWN
    visible: float = UNKNOWN
    noise_floor: float = UNKNOWN
    seeds: str = ""
    clusters: int = 0
    outcome: str = NOT_RECORDED
    why: str = ""
    record: str = ""
    better_runs: str = ""
    worse_runs: str = ""
    quote: str = ""
    place: str = ""

    @property
    def id(self) -> str:
        """study/table/better-over-worse/column."""
        return f"{self.study}/{self.table}/{self.better}-over-{self.worse}/{self.column}"


COLUMNS = tuple(field.name for field in fields(JudgedOrder))
NUMBERS = {field.name: field.type for field in fields(JudgedOrder) if field.type in (float, int)}
PLACE = ("study", "table", "better", "worse", "column")


def write_orders(orders: Iterable[JudgedOrder], path: str | Path) -> Path:
    """Write orders.csv, a row an order."""
    return write_rows(path, JudgedOrder, orders)


def read_orders(path: str | Path) -> tuple[JudgedOrder, ...]:
    """Orders of an orders.csv.

    Raises InputError for a file that is absent, lacks columns, has text for a number, an order twice, or an outcome
    that there is not.
    """
    table = read_csv(path, COLUMNS, numbers=NUMBERS, unique=PLACE, dtype=str, keep_default_na=False)
    if strange := set(table["outcome"]) - set(OUTCOMES):
        raise InputError(f"{path}: unknown outcome {min(strange)!r}; delete it and run `make` again")
    numbers = {name: number for name, number in NUMBERS.items() if number is int}
    rows = table[list(COLUMNS)].astype(numbers).to_dict("records")
    return tuple(JudgedOrder(**row) for row in rows)


def count_outcomes(orders: Iterable[JudgedOrder]) -> dict[str, int]:
    """How many orders have each outcome, in the order of OUTCOMES."""
    counts = Counter(order.outcome for order in orders)
    return {outcome: counts[outcome] for outcome in OUTCOMES}
