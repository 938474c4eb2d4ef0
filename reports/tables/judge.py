"""Every cell of every table, judged once: measurements, comparisons and studies become `cells.csv`."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from reports.comparisons import Comparison, read_comparisons
from reports.measurements import Choice, read_measurements
from reports.records import State
from reports.tables.cell import Cell, write_cells
from reports.tables.kinds import Place, judge_cell
from reports.tables.numbers import Numbers
from reports.tables.rows import baseline_rows, with_official
from studies.load import load_study
from studies.types import Study, Table


def judge(
    studies: Sequence[str | Path],
    measurements_csv: str | Path,
    comparisons_csv: str | Path,
    path: str | Path,
    choice: Choice,
    states: Mapping[str, State] = MappingProxyType({}),
) -> Path:
    """Judge every cell of the studies' tables and write `cells.csv`.

    comparisons_csv: empty where comparing failed; states: of records, by folder
    Raises InputError for a file that is absent or cannot be read, and for printed text that is no number.
    """
    comparisons = read_comparisons(comparisons_csv) if comparisons_csv else ()
    numbers = Numbers(read_measurements(measurements_csv), choice, states)
    cells = judge_studies(map(load_study, studies), numbers, comparisons)
    return write_cells(cells, path)


def judge_studies(
    studies: Iterable[Study], numbers: Numbers, comparisons: Iterable[Comparison] = ()
) -> tuple[Cell, ...]:
    """Cells of all tables of the studies, in printed order."""
    compared = {comparison.claim: comparison for comparison in comparisons}
    return tuple(
        cell for study in studies for table in study.tables for cell in judge_table(study, table, numbers, compared)
    )


def judge_table(
    study: Study, table: Table, numbers: Numbers, comparisons: Mapping[str, Comparison] = MappingProxyType({})
) -> tuple[Cell, ...]:
    """Cells of one table, row by row in printed order, the baselines last; or by its column `sorted_by`.

    comparisons: by study/table/row/column, of a table that is an ablation.
    """
    rows = [
        [judge_cell(Place(study, table, row, column), numbers) for column in table.columns]
        for row in [*with_official(study, table, numbers.choice), *baseline_rows(table, numbers.choice)]
    ]
    if table.sorted_by:
        rows.sort(key=lambda row: _sorts_by(row, table.sorted_by))
    return tuple(_with_comparison(cell, comparisons.get(cell.claim)) for row in rows for cell in row)


def _sorts_by(row: Sequence[Cell], column: str) -> float:
    """What was measured in a column of a row; rows without it come last."""
    measured = next(cell.measured for cell in row if cell.column == column)
    return float("inf") if measured is None else measured


def _with_comparison(cell: Cell, comparison: Comparison | None) -> Cell:
    """A cell with what is known of its difference from the reference row."""
    if comparison is None:
        return cell
    gain = {"gain": comparison.difference, "gain_low": comparison.low, "gain_high": comparison.high}
    gain["p_holm"] = comparison.p_holm
    known = {name: number for name, number in gain.items() if not math.isnan(number)}
    outcome = comparison.outcome or cell.outcome
    return replace(cell, outcome=outcome, reference=comparison.reference, **known)
