"""Which differences within a table are real: each row against the table's reference row, on the same test clips.

A table names its reference (`reference` in studies/*.yaml); one that does not is no ablation and is not compared.
How: `metrics.statistics.paired_difference`, then Holm over all differences of the table (docs/protocols.md).
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from base.files import read_arrays, read_csv, write_csv
from metrics.statistics import LEVEL, Difference, Sample, holm, paired_difference
from reports.cells import accuracy_rows
from reports.measurements import HIGHER_IS_BETTER, Choice, read_measurements
from studies.load import load_study
from studies.types import Table

COLUMNS = (
    "study", "table", "row", "column", "reference", "metric", "convention", "dataset", "unit", "seeds", "clusters",
    "mean", "reference_mean", "difference", "low", "high", "by_seeds", "by_clusters", "p", "p_holm", "noise_floor",
    "outcome", "why",
)  # fmt: skip
IDENTITY = ["study", "table", "row", "column"]
BETTER, WORSE, NOISE = "better", "worse", "within noise"
NO_RESAMPLES = "not scored on resamples of the clips"
ONE_SEED = "one seed: the interval is of these very nets"


def write_comparisons(
    studies: Sequence[str | Path], measurements_csv: str | Path, noise_csv: str | Path, path: str | Path, **options
) -> Path:
    """Write the comparisons of all tables that name a reference, a row for each compared cell (COLUMNS).

    noise_csv: empty where measuring the noise failed
    options: those of `reports.tables.build_table`. `low` to `high` is the 95 % interval of `difference` (row less
    reference, in base units), `by_seeds` and `by_clusters` its two standard errors.
    """
    measurements, choice = read_measurements(measurements_csv), Choice(**options)
    floors = read_floors(noise_csv) if noise_csv else {}
    rows = []
    for study in map(load_study, studies):
        for table in study.tables:
            rows += compare_table(study.name, table, measurements, floors, choice)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return write_csv(path, table)


def read_comparisons(path: str | Path) -> pd.DataFrame:
    """What `write_comparisons` wrote. Raises InputError for a file that is absent or lacks columns."""
    comparisons = read_csv(path, COLUMNS, dtype=dict.fromkeys((*IDENTITY, "reference", "why"), str))
    return comparisons.fillna({"outcome": "", "why": ""})


def read_floors(path: str | Path) -> dict[tuple[str, str], float]:
    """(device, metric) -> same-seed noise floor in base units, from the workflow's `noise.csv`."""
    table = read_csv(path, ("device", "metric", "floor"))
    return {(row.device, row.metric): float(row.floor) for row in table.itertuples()}


def compare_table(
    study: str, table: Table, measurements: pd.DataFrame, floors: dict[tuple[str, str], float], choice: Choice
) -> list[dict]:
    """Comparisons of a table's measured accuracies with those of its reference row; none without a reference."""
    rows = list(_differences(study, table, measurements, floors, choice)) if table.reference else []
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
        row["outcome"] = outcome(row)
    return rows


def outcome(row: dict) -> str:
    """`better`, `worse` or `within noise`; empty where nothing is known of the spread."""
    if np.isnan(row["p_holm"]):
        return ""
    if row["p_holm"] >= LEVEL or abs(row["difference"]) <= (row["noise_floor"] or 0):
        return NOISE
    return BETTER if (row["difference"] > 0) == row["metric"].startswith(HIGHER_IS_BETTER) else WORSE


def _differences(study: str, table: Table, measurements: pd.DataFrame, floors: dict, choice: Choice) -> Iterator[dict]:
    reference = table.row(table.reference)
    for column in table.accuracies:
        base = accuracy_rows(reference, column, measurements, choice)
        for row in (row for row in table.rows if row is not reference and row.recipe):
            mine = accuracy_rows(row, column, measurements, choice)
            mine, pairs = mine[mine["seed"].isin(base["seed"])], base[base["seed"].isin(mine["seed"])]
            if mine.empty or set(mine["run"]) == set(pairs["run"]):
                continue  # no seed in common, or the very runs of the reference
            known = {"study": study, "table": table.id, "row": row.id, "column": column.id}
            known |= {"reference": reference.id}
            known |= {key: mine[key].iloc[0] for key in ("metric", "convention", "dataset", "unit")}
            known["noise_floor"] = floors.get((mine["device"].iloc[0], column.metric))
            yield known | _compare(mine, pairs)


def _compare(mine: pd.DataFrame, base: pd.DataFrame) -> dict:
    """Numbers of a comparison; without resamples only the means."""
    found = {"seeds": len(mine), "mean": mine["value"].mean(), "reference_mean": base["value"].mean()}
    found |= {"difference": found["mean"] - found["reference_mean"], "why": ""}
    samples = [_sample(rows) for rows in (mine, base)]
    if None in samples:
        return found | {"clusters": 0, "p": np.nan, "why": NO_RESAMPLES}
    (sample, clusters), (other, _) = samples
    difference: Difference = paired_difference(sample, other, clusters)
    keys = ("low", "high", "by_seeds", "by_clusters", "p")
    why = ONE_SEED if np.isnan(difference.by_seeds) else ""
    return found | {"clusters": clusters, "why": why} | {key: getattr(difference, key) for key in keys}


def _sample(rows: pd.DataFrame) -> tuple[Sample, int] | None:
    """The runs behind rows of one metric and convention, by seed, and how many clusters were resampled."""
    arrays = _resamples(Path(rows["run"].iloc[0]).parent / "resamples.npz")
    convention, metric = rows["convention"].iloc[0], rows["metric"].iloc[0]
    names = [f"{seed}/{convention}/{metric}" for seed in rows["seed"]]
    if not arrays or any(name not in arrays for name in names):
        return None
    resampled = np.stack([arrays[name] for name in names]).astype(float)
    return Sample(rows["value"].to_numpy(float), resampled), int(arrays[f"clusters/{convention}"])


@cache
def _resamples(path: Path) -> dict[str, np.ndarray]:
    """All resamples of an experiment."""
    return read_arrays(path) if path.is_file() else {}
