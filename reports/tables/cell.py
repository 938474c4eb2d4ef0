"""A cell of a table, judged: the contract of `cells.csv`, which tables, figures, audit, site and summary read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from base.errors import InputError
from base.files import read_csv, write_rows
from reports.failures import FAILED
from reports.tables.causes import CAUSES
from studies.printed import OUT_OF_MEMORY, UNITS

REPRODUCED, DIFFERS, NOT_COMPARABLE, NOT_RUN = "reproduced", "differs", "not comparable", "not run"
VERDICTS = (REPRODUCED, DIFFERS, NOT_COMPARABLE, NOT_RUN)
KNOWN = {
    "kind": ("fact", "efficiency", "accuracy"),
    "verdict": ("", *VERDICTS),
    "cause": ("", *CAUSES),
    "unit": UNITS,
    "quoted": ("True", "False"),
}
BASELINE_SECTION = "Baselines (ours)"
TRUE = "true"  # the convention that counts everything
# A network that is worse than the mean training pose: what differs from it, or of it, is neither better nor worse.
NOT_LEARNED, NO_REFERENCE = "did not learn", "the reference did not learn"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell: what is printed, what was measured, and what follows. Its fields are the columns of cells.csv.

    quoted         whether the number is another paper's, shown for context (`studies.types.Table`)
    kind           of its column: `fact`, `efficiency` or `accuracy`; facts have no verdict
    unit           of printed_value, measured, sd, low, high, difference (measured less printed) and also_true
    decimals       of the printed number
    n              seeds; low, high: 95 % interval of their mean
    why            the reason for the verdict; missing: in two words, of a cell that was not run
    cause          why a printed count is what it is, one of `reports.tables.causes.CAUSES`
    matches        other rules that give the printed digits, the simplest first: `a, b`
    also_true      the true count beside one under another convention
    runs           folders of the runs behind the number, separated by blanks; seeds_failed: how many are missing
    record         what became of the records behind it, of several the last of `reports.records.STATES`; empty where
                   no record is shown, `earlier` of runs that were not chosen now; record_why: why
    here           mean of here_n runs that were trained here on here_data, beside a record; here_runs: their folders;
                   here_why: what failed of them
    outcome        against the table's reference row: better, worse, within noise; or that one of the two did not learn;
                   empty where nothing is compared
    gain           measured less the reference row's, with its 95 % interval, in base units (`studies.printed.UNITS`)
    """

    study: str
    table: str
    row: str
    row_label: str
    section: str
    column: str
    column_label: str
    kind: str
    quoted: bool = False
    unit: str = ""
    printed: str = ""
    printed_value: float | None = None
    decimals: int | None = None
    measured: float | None = None
    n: int | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    convention: str = ""
    scale: str = ""
    dataset: str = ""
    device: str = ""
    verdict: str = ""
    why: str = ""
    missing: str = ""
    also_true: float | None = None
    cause: str = ""
    matches: str = ""
    runs: str = ""
    seeds_failed: int | None = None
    record: str = ""
    record_why: str = ""
    here: float | None = None
    here_n: int | None = None
    here_data: str = ""
    here_runs: str = ""
    here_why: str = ""
    outcome: str = ""
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    p_holm: float | None = None
    reference: str = ""

    @property
    def claim(self) -> str:
        """Id of its printed number: study/table/row/column."""
        return f"{self.study}/{self.table}/{self.row}/{self.column}"

    @property
    def is_printed(self) -> bool:
        """Whether the paper prints a number, or that there was no memory for it."""
        return self.printed_value is not None or self.printed == OUT_OF_MEMORY

    @property
    def is_judged(self) -> bool:
        """Whether a verdict is about it: a printed one that is no fact."""
        return self.kind != "fact" and self.is_printed

    @property
    def failed(self) -> bool:
        """Whether it has no number, or one of fewer seeds, because something failed."""
        return self.why.startswith(FAILED) or bool(self.seeds_failed or self.here_why)

    @property
    def factor(self) -> float | None:
        """How many times the printed number is the measured one; None without one of them, or where one is 0."""
        return self.measured / self.printed_value if self.measured and self.printed_value else None

    @property
    def half(self) -> float | None:
        """Half the 95 % interval; None of one seed."""
        return None if self.low is None else (self.high - self.low) / 2

    @property
    def printed_base(self) -> float | None:
        """The printed number in base units."""
        return None if self.printed_value is None else self.printed_value * UNITS[self.unit][1]

    @property
    def true_base(self) -> float | None:
        """The true count in base units; None where nothing was counted."""
        true = self.measured if self.convention == TRUE else self.also_true
        return None if true is None else true * UNITS[self.unit][1]


PLACE = ("study", "table", "row", "column")
COLUMNS = tuple(field.name for field in fields(Cell))
NUMBERS = {field.name: float for field in fields(Cell) if field.type == float | None}
NUMBERS |= {field.name: int for field in fields(Cell) if field.type == int | None}


def write_cells(cells: Iterable[Cell], path: str | Path) -> Path:
    """Write cells.csv, a row a cell."""
    return write_rows(path, Cell, cells)


def read_cells(path: str | Path) -> tuple[Cell, ...]:
    """Cells of a cells.csv.

    Raises InputError for a file that is absent, lacks columns, has text for a number, a cell twice, or a verdict, unit
    or kind that there is not.
    """
    table = read_csv(path, COLUMNS, numbers=NUMBERS, unique=PLACE, dtype=str, keep_default_na=False)
    remedy = "delete it and run `make` again"
    for name, known in KNOWN.items():
        if strange := set(table[name]) - set(known):
            raise InputError(f"{path}: unknown {name} {min(strange)!r}; {remedy}")
    if (table["low"].isna() != table["high"].isna()).any():
        raise InputError(f"{path}: low without high, or high without low; {remedy}")
    columns = {name: list(table[name]) for name in COLUMNS} | {"quoted": list(table["quoted"] == "True")}
    for name, number in NUMBERS.items():
        if number is int and (table[name] % 1 > 0).any():
            raise InputError(f"{path}: {name} is no whole number; {remedy}")
        columns[name] = [number(value) if value == value else None for value in columns[name]]
    return tuple(Cell(**dict(zip(COLUMNS, values, strict=True))) for values in zip(*columns.values(), strict=True))


def of_table(cells: Iterable[Cell], study: str, table: str) -> tuple[Cell, ...]:
    """The cells of one table. Raises InputError where it was not judged."""
    own = tuple(cell for cell in cells if (cell.study, cell.table) == (study, table))
    if not own:
        raise InputError(f"cells.csv has no cell of {study}, {table}; delete it and run `make` again")
    return own


def count_verdicts(cells: Iterable[Cell]) -> dict[str, int]:
    """How many numbers that the papers print have each verdict, in the order of VERDICTS; quoted ones are left out."""
    counts = Counter(cell.verdict for cell in cells if cell.is_judged and not cell.quoted)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def count_causes(cells: Iterable[Cell]) -> dict[str, int]:
    """How many printed counts have each cause, in the order of CAUSES; quoted ones and causes of none are left out."""
    counts = Counter(cell.cause for cell in cells if cell.is_judged and not cell.quoted)
    return {cause: counts[cause] for cause in CAUSES if counts[cause]}


def frame(cells: Sequence[Cell]) -> pd.DataFrame:
    """Cells as a table, a row a cell, with NaN for numbers that there are not."""
    return pd.DataFrame([asdict(cell) for cell in cells], columns=list(COLUMNS))
