"""Reading `measurements.csv`, the one file of numbers, and choosing from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from scipy.special import stdtrit  # scipy.stats has the same, and takes a second to import

from base.errors import InputError
from base.files import read_csv
from reports.failures import Failure
from studies.benchmarks import BENCHMARKS
from studies.measurements import COLUMNS
from studies.plan import BASELINES, dataset_of
from studies.records import SELECTION
from studies.scales import PAPER
from studies.types import AccuracyColumn, VideoColumn
from studies.variants import resolve_variants

IDENTITY = [name for name in COLUMNS if name not in ("value", "revision")]  # no two numbers have it alike
NO_SUCH_DATA = "no data"  # the data set of a column that the scale has no data for
EFFICIENCY_SCALE = "paper"  # efficiency is always measured at full paper size


@dataclass(frozen=True)
class Choice:
    """Which of the accuracies a report shows; the keys of config.yaml.

    scale      a name of studies/scales.yaml
    motion     what was trained and tested on (synthetic, cmu, ...); at scale paper what tables and figures are
               about that do not say so
    detector   preset of the 2D detections behind columns with detected input
    selection  which epoch: last, best_val or best_test
    seeds      seeds that were asked for; figures of single runs show the first
    baselines  variants that every table with accuracies shows besides its own rows
    official   data set -> variants whose official weights were judged on it; their rows come twice
    records    {scale, motion} of the records that fill the tables instead of what was trained here; empty: none
    kept       whether the accuracies are those of records
    failed     jobs that failed (`reports.failures.Failure`, or its fields as a dict)
    """

    scale: str
    motion: str
    detector: str = "sh-like"
    selection: str = "best_val"
    seeds: tuple[int, ...] = ()
    baselines: tuple[str, ...] = BASELINES
    official: Mapping[str, Sequence[str]] = field(default_factory=dict)
    failed: Sequence[Failure] = ()
    records: Mapping[str, str] = field(default_factory=dict)
    kept: bool = False

    def __post_init__(self) -> None:
        failed = tuple(f if isinstance(f, Failure) else Failure(**f) for f in self.failed)
        object.__setattr__(self, "failed", failed)
        object.__setattr__(self, "seeds", tuple(self.seeds))

    @property
    def evidence(self) -> "Choice":
        """The choice of what tables show: this one, or that of the records which stand in for it."""
        if not self.records:
            return self
        scale, motion = self.records["scale"], self.records["motion"]
        return replace(self, scale=scale, motion=motion, selection=SELECTION, records={}, kept=True, failed=())

    def data(self, keypoints: str) -> str:
        """Prepared data set of a column's input: ground-truth keypoints (`gt`) or detected ones (`detected`)."""
        return f"{self.motion}-{'gt' if keypoints == 'gt' else self.detector}"

    def column_data(self, column: AccuracyColumn) -> str:
        """Data set of an accuracy column: prepared key points, videos, or a benchmark of which there are none."""
        dataset = dataset_of(column, self.scale == PAPER, self.motion, self.detector)
        theirs = isinstance(column, VideoColumn) and column.benchmark in BENCHMARKS and self.scale != PAPER
        return str(dataset or (column.benchmark if theirs else NO_SUCH_DATA))


def label_of(variant: str) -> str:
    """A variant's label; its name where studies/variants.yaml has it no more."""
    known = resolve_variants().get(variant)
    return known.label if known else variant


@dataclass(frozen=True)
class Summary:
    """Several seeds of one number: their count, mean, standard deviation and 95 % interval of the mean.

    With one seed there is no spread: sd, low and high are None.
    """

    n: int
    mean: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None


def read_measurements(path: str | Path) -> pd.DataFrame:
    """Rows of a measurements file; `value` as float64, `seed` as Int64 (missing for counts), the rest as text.

    Rows without a value (a velocity from single frames) are left out.
    Raises InputError for a file that is absent, lacks columns, has a value or a seed that is no number, a number twice,
    or a run without a seed.
    """
    rows = read_csv(path, COLUMNS, numbers=("value", "seed"), unique=IDENTITY, dtype=str, keep_default_na=False)
    if (rows["seed"] % 1 > 0).any() or (rows["seed"].isna() & (rows["run"] != "")).any():
        raise InputError(f"{path}: a run's seed is no whole number; delete it and run `make` again")
    rows = rows[rows["value"].notna()]
    return rows.assign(seed=rows["seed"].astype("Int64"))


def pick(measurements: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    """Rows whose columns equal the wanted values."""
    keep = pd.Series(True, index=measurements.index)
    for column, value in wanted.items():
        keep &= measurements[column] == value
    return measurements[keep]


def summarise(values: pd.Series) -> Summary:
    """Mean of at least one number, with Student's 95 % interval from two on."""
    n, mean = len(values), float(values.mean())
    if n < 2:
        return Summary(n, mean)
    sd = float(values.std(ddof=1)) if values.nunique() > 1 else 0.0  # of equal numbers, rounding alone
    half = float(stdtrit(n - 1, 0.975)) * sd / n**0.5
    return Summary(n, mean, sd, mean - half, mean + half)
