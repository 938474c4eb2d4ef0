"""Which differences within a table are real: each row against the table's reference row, on the same test clips.

A table names its reference (`reference` in studies/*.yaml); one that does not is no ablation and is not compared.
How: `reports.pairs.pair_runs`, then Holm over all differences of the table (docs/protocols.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from base.files import read_csv, write_csv
from metrics.differences import beyond_noise, holm
from reports.measurements import Choice, read_measurements
from reports.pairs import luck_of, pair_runs
from reports.tables.cell import NO_REFERENCE, NOT_LEARNED, PLACE
from reports.tables.numbers import Numbers
from studies.load import load_study
from studies.measurements import higher_is_better
from studies.types import AccuracyColumn, Row, Table

BETTER, WORSE, NOISE = "better", "worse", "within noise"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A cell against the one of its table's reference row, on the seeds of both; its fields are the file's columns.

    difference  row less reference, in base units, with its 95 % interval `low` to `high`; by_seeds, by_clusters: its
                two standard errors; p_holm: p adjusted for all comparisons of the table. NaN where nothing is known
    clusters    how many were resampled; noise_floor: how far two runs with the same seed are apart on this device
    """

    study: str
    table: str
    row: str
    column: str
    reference: str
    metric: str
    convention: str
    dataset: str
    unit: str
    seeds: int
    clusters: int = 0
    mean: float
    reference_mean: float
    difference: float
    low: float = np.nan
    high: float = np.nan
    by_seeds: float = np.nan
    by_clusters: float = np.nan
    p: float = np.nan
    p_holm: float = np.nan
    noise_floor: float | None = None
    outcome: str = ""
    why: str = ""

    @property
    def claim(self) -> str:
        """Id of the compared cell: study/table/row/column."""
        return f"{self.study}/{self.table}/{self.row}/{self.column}"

    def adjusted(self, p_holm: float) -> "Comparison":
        """The comparison with its adjusted p-value, and what follows: better, worse, within noise, or none of these."""
        return replace(self, p_holm=p_holm, outcome=self._outcome(p_holm))

    def _outcome(self, p_holm: float) -> str:
        if self.why in (NOT_LEARNED, NO_REFERENCE):
            return self.why
        if np.isnan(p_holm):
            return ""
        if not beyond_noise(self.difference, p_holm, self.noise_floor):
            return NOISE
        return BETTER if (self.difference > 0) == higher_is_better(self.metric) else WORSE


COLUMNS = [field.name for field in fields(Comparison)]
TEXTS = [field.name for field in fields(Comparison) if field.type is str]
Floors = Mapping[tuple[str, str], float]  # (device, metric) -> same-seed noise floor in base units


def write_comparisons(
    studies: Sequence[str | Path],
    measurements_csv: str | Path,
    noise_csv: str | Path,
    path: str | Path,
    choice: Choice,
) -> Path:
    """Write the comparisons of all tables that name a reference, a row for each compared cell.

    noise_csv: empty where measuring the noise failed
    """
    numbers = Numbers(read_measurements(measurements_csv), choice)
    floors = read_floors(noise_csv) if noise_csv else {}
    tables = [(study.name, table) for study in map(load_study, studies) for table in study.tables]
    comparisons = [found for study, table in tables for found in compare_table(study, table, numbers, floors)]
    return write_csv(path, pd.DataFrame(map(asdict, comparisons), columns=COLUMNS))


def read_comparisons(path: str | Path) -> tuple[Comparison, ...]:
    """What `write_comparisons` wrote. Raises InputError as `base.files.read_csv`."""
    numbers = [name for name in COLUMNS if name not in TEXTS]
    table = read_csv(path, COLUMNS, numbers=numbers, unique=PLACE, dtype=dict.fromkeys(TEXTS, str))
    table = table[COLUMNS].fillna(dict.fromkeys(TEXTS, ""))
    return tuple(Comparison(**row) for row in table.to_dict("records"))


def read_floors(path: str | Path) -> Floors:
    """The workflow's `noise.csv`."""
    table = read_csv(path, ("device", "metric", "floor"), numbers=["floor"])
    return {(row.device, row.metric): float(row.floor) for row in table.itertuples()}


def compare_table(study: str, table: Table, numbers: Numbers, floors: Floors) -> list[Comparison]:
    """Comparisons of a table's measured accuracies with those of its reference row; none without a reference."""
    comparisons = list(_differences(study, table, numbers, floors)) if table.reference else []
    adjusted = holm([comparison.p for comparison in comparisons])
    return [comparison.adjusted(p) for comparison, p in zip(comparisons, adjusted, strict=True)]


def _differences(study: str, table: Table, numbers: Numbers, floors: Floors) -> Iterator[Comparison]:
    reference = table.row(table.reference)
    for column in table.accuracies:
        base = numbers.accuracies(reference, column)
        cells = {row.id: numbers.accuracies(row, column) for row in table.rows if row.recipe}
        of_table = luck_of(cells.values())
        for row in (row for row in table.rows if row is not reference and row.recipe):
            pair = pair_runs(cells[row.id], base, of_table)
            if pair is None:
                continue
            first, (mean, reference_mean), difference = pair.own.iloc[0], pair.means, pair.difference
            yield Comparison(
                study=study,
                table=table.id,
                row=row.id,
                column=column.id,
                reference=reference.id,
                metric=column.metric,
                convention=first.convention,
                dataset=first.dataset,
                unit=first.unit,
                seeds=len(pair.own),
                clusters=pair.clusters,
                mean=mean,
                reference_mean=reference_mean,
                difference=difference.value,
                low=difference.low,
                high=difference.high,
                by_seeds=difference.by_seeds,
                by_clusters=difference.by_clusters,
                p=difference.p,
                noise_floor=floors.get((first.device, column.metric)),
                why=_not_learned(row, reference, column, numbers) or pair.why,
            )


def _not_learned(row: Row, reference: Row, column: AccuracyColumn, numbers: Numbers) -> str:
    """Which of two networks did not learn, so that neither is better; empty where both did."""
    if not numbers.learned(row, column):
        return NOT_LEARNED
    return "" if numbers.learned(reference, column) else NO_REFERENCE
