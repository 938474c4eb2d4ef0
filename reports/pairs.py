"""Two cells of a table on the same seeds and the same test clips: how far apart they are, and how sure that is."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from base.files import read_arrays
from metrics.differences import Difference, Luck, Sample, luck, paired_difference

NO_RESAMPLES = "not scored on resamples of the clips"
OTHER_CLIPS = "not scored on the same clips"
ONE_SEED = "one seed: the interval holds for these networks only"
UNKNOWN = np.nan


@dataclass(frozen=True)
class Pair:
    """Measurements of two cells, a row a seed, those that both have; `difference`: own less other, in base units.

    clusters : how many were resampled; why : what keeps the difference from being sure; empty where nothing does
    """

    own: pd.DataFrame
    other: pd.DataFrame
    difference: Difference
    clusters: int
    why: str

    @property
    def means(self) -> tuple[float, float]:
        """Of own and of other."""
        return float(self.own["value"].mean()), float(self.other["value"].mean())


def luck_of(cells: Iterable[pd.DataFrame]) -> Luck | None:
    """Of the cells of a column, each a row a seed: of those with the seeds that most have, each network once."""
    networks = {tuple(cell["run"]): cell for cell in cells if len(cell)}
    seeds = Counter(tuple(cell["seed"]) for cell in networks.values())
    if not seeds:
        return None
    shared = seeds.most_common(1)[0][0]
    return luck(np.stack([cell["value"] for cell in networks.values() if tuple(cell["seed"]) == shared]).astype(float))


def pair_runs(own: pd.DataFrame, other: pd.DataFrame, of_table: Luck | None = None) -> Pair | None:
    """What is known of the difference of two cells; None without a seed in common, or of one cell with itself.

    own, other : of `reports.tables.numbers.Numbers.accuracies`; of_table: `luck_of` the cells of their column
    """
    own, other = own[own["seed"].isin(other["seed"])], other[other["seed"].isin(own["seed"])]
    if own.empty or set(own["run"]) == set(other["run"]):
        return None
    samples = [_sample(rows) for rows in (own, other)]
    value = own["value"].mean() - other["value"].mean()
    unsure = Difference(value, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
    if None in samples:
        return Pair(own, other, unsure, 0, NO_RESAMPLES)
    (sample, clusters), (reference, others) = samples
    if clusters != others:
        return Pair(own, other, unsure, 0, OTHER_CLIPS)
    difference = paired_difference(sample, reference, clusters, of_table)
    return Pair(own, other, difference, clusters, ONE_SEED if np.isnan(difference.by_seeds) else "")


def _sample(rows: pd.DataFrame) -> tuple[Sample, int] | None:
    """The runs behind rows of one metric and convention, by seed, and how many clusters were resampled."""
    convention, metric = rows["convention"].iloc[0], rows["metric"].iloc[0]
    names = [f"{seed}/{convention}/{metric}" for seed in rows["seed"]]
    arrays = [_resamples(Path(run)) for run in rows["run"]]
    if any(name not in found for name, found in zip(names, arrays, strict=True)):
        return None
    clusters = {int(found[f"clusters/{convention}"]) for found in arrays}
    if len(clusters) > 1:
        return None
    resampled = np.stack([found[name] for name, found in zip(names, arrays, strict=True)]).astype(float)
    return Sample(rows["value"].to_numpy(float), resampled), clusters.pop()


def _resamples(run: Path) -> dict[str, np.ndarray]:
    """All resamples of a run: those in its folder, or else in its experiment's; none where nothing is there."""
    paths = (folder / "resamples.npz" for folder in (run, run.parent))
    return next((_read(path.resolve()) for path in paths if path.is_file()), {})


@cache
def _read(path: Path) -> dict[str, np.ndarray]:
    return read_arrays(path)
