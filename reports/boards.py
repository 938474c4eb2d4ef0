"""Leaderboards: networks of a table ranked over all of its sections, as far as paired differences allow.

A table that names a board (`board` in studies/*.yaml) is one. What stands here beside its cells is every pair of its
networks: the difference on the same seeds and the same clips (`reports.pairs`), and after Holm over all pairs of a
column which of the two is better. A rank is an interval: no network stands above one that is not shown to be worse.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.files import read_json, write_text
from metrics.differences import beyond_noise, holm
from reports.comparisons import Floors, read_floors
from reports.measurements import Choice, read_measurements
from reports.pairs import Pair, luck_of, pair_runs
from reports.tables.numbers import Numbers
from reports.tables.rows import baseline_rows
from studies.load import load_study
from studies.measurements import higher_is_better
from studies.types import AccuracyColumn, Row, Table

REMEDY = "delete it and run `make` again"


@dataclass(frozen=True)
class Duel:
    """Two rows of a column: the first less the second in base units, with its 95 % interval.

    better : id of the row that is better; empty where the difference is within noise
    low, high, p : None where nothing is known of the spread; p is adjusted for all pairs of the column
    """

    first: str
    second: str
    difference: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    better: str = ""


@dataclass(frozen=True)
class Ranking:
    """A column of a board: every pair of its rows, and each row's best and worst rank.

    ranks : of rows that have a number and learned; the others have none
    """

    column: str
    duels: tuple[Duel, ...]
    ranks: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Board:
    """A table that is a leaderboard."""

    name: str
    study: str
    table: str
    rankings: tuple[Ranking, ...]


def write_boards(
    studies: Sequence[str | Path], measurements_csv: str | Path, noise_csv: str | Path, path: str | Path, choice: Choice
) -> None:
    """Write the boards of all tables that are one, as JSON. noise_csv: empty where measuring the noise failed."""
    numbers, floors = Numbers(read_measurements(measurements_csv), choice), read_floors(noise_csv) if noise_csv else {}
    tables = [(study.name, table) for study in map(load_study, studies) for table in study.tables if table.board]
    boards = [make_board(study, table, numbers, floors) for study, table in tables]
    write_text(Path(path), json.dumps({"boards": [asdict(board) for board in boards]}, indent=1) + "\n")


def read_boards(path: str | Path) -> tuple[Board, ...]:
    """What `write_boards` wrote. Raises InputError for a file that is absent or no JSON."""
    try:
        return tuple(_board(written) for written in read_json(path, REMEDY)["boards"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: holds no leaderboards; {REMEDY}") from None


def _board(written: dict) -> Board:
    rankings = tuple(
        Ranking(
            one["column"],
            tuple(Duel(**duel) for duel in one["duels"]),
            {row: (first, last) for row, (first, last) in one["ranks"].items()},
        )
        for one in written["rankings"]
    )
    return Board(**written | {"rankings": rankings})


def make_board(study: str, table: Table, numbers: Numbers, floors: Floors) -> Board:
    """All pairs of a table's rows, in every column of accuracies."""
    rows = [*table.rows, *baseline_rows(table, numbers.choice)]
    rankings = tuple(_ranking(rows, column, numbers, floors) for column in table.accuracies)
    return Board(table.board, study, table.id, rankings)


def _ranking(rows: Sequence[Row], column: AccuracyColumn, numbers: Numbers, floors: Floors) -> Ranking:
    cells = {row.id: numbers.accuracies(row, column) for row in rows if row.recipe}
    measured = {name: cell for name, cell in cells.items() if len(cell)}
    of_table = luck_of(measured.values())
    pairs = {
        names: pair
        for names in combinations(measured, 2)
        if (pair := pair_runs(*(measured[name] for name in names), of_table)) is not None
    }
    adjusted = holm([pair.difference.p for pair in pairs.values()])
    duels = tuple(_duel(*item, p, floors, column) for item, p in zip(pairs.items(), adjusted, strict=True))
    learned = [row.id for row in rows if row.id in measured and numbers.learned(row, column)]
    return Ranking(column.id, duels, ranks(learned, duels))


def _duel(names: tuple[str, str], pair: Pair, p: float, floors: Floors, column: AccuracyColumn) -> Duel:
    difference, better = pair.difference, ""
    floor = floors.get((pair.own.iloc[0].device, column.metric))
    if beyond_noise(difference.value, p, floor):
        better = names[(difference.value > 0) != higher_is_better(column.metric)]
    spread = (None if np.isnan(x) else float(x) for x in (difference.low, difference.high, p))
    return Duel(*names, float(difference.value), *spread, better)


def ranks(rows: Sequence[str], duels: Iterable[Duel]) -> dict[str, tuple[int, int]]:
    """The best and the worst rank of each row: one below all that are better, one above all that are worse."""
    above, below = dict.fromkeys(rows, 0), dict.fromkeys(rows, 0)
    for duel in duels:
        if duel.better and duel.first in above and duel.second in above:
            worse = duel.second if duel.better == duel.first else duel.first
            above[worse] += 1
            below[duel.better] += 1
    return {row: (1 + above[row], len(above) - below[row]) for row in rows}
