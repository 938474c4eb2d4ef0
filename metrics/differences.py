"""Is a difference real? Seeds and clusters as two separate sources of chance, and Holm for a table of differences.

A metric's dependence on which clusters are in the test set is estimated by a cluster bootstrap (`metrics.statistics`),
its dependence on the seed from the runs themselves.

Looked at besides: statsmodels has Holm and power, for an import of three seconds. The distributions are scipy's.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtrinc, stdtr, stdtrit

from base.errors import InputError

LEVEL = 0.05
POWER = 0.8

Array = np.ndarray


@dataclass(frozen=True)
class Sample:
    """The runs of one experiment under one metric.

    values : (S,) the metric by seed; resampled : (S, R) the metric of each run in each resample of the clusters
    """

    values: Array
    resampled: Array


@dataclass(frozen=True)
class Difference:
    """A mean over seeds less another, with its 95 % interval.

    by_seeds, by_clusters : standard errors from either source; nan where unknown (a single seed, a single cluster)
    p : two-sided, of the hypothesis that there is no difference; nan where nothing is known of the spread
    error, df : standard error of both sources together, and its degrees of freedom; nan as p is
    """

    value: float
    low: float
    high: float
    p: float
    by_seeds: float
    by_clusters: float
    error: float = np.nan
    df: float = np.nan

    def smallest_visible(self, tests: int = 1) -> float:
        """The smallest true difference that such runs are found to have four times in five (POWER).

        Found is what p < LEVEL / tests says; tests: how many share the level, which Holm's procedure lowers for the
        first of them. The error of these runs stands for the true one. nan where nothing is known of the spread.
        """
        if np.isnan(self.error) or self.error == 0:
            return self.error
        critical = stdtrit(self.df, 1 - LEVEL / 2 / tests)
        return float(nctdtrinc(self.df, 1 - POWER, critical)) * self.error


@dataclass(frozen=True)
class Luck:
    """Variance of the runs of a table that neither their row nor their seed explains, and its degrees of freedom."""

    variance: float
    df: int


def luck(values: Array) -> Luck | None:
    """Of the runs of N rows with the same S seeds (N, S), as a two-way analysis of variance has it.

    All rows are taken to scatter alike: one estimate of (N - 1)(S - 1) degrees of freedom stands for each of them, in
    place of N estimates of S - 1. None of a single row or a single seed, which tell nothing.
    """
    rows, seeds = values.shape
    if rows < 2 or seeds < 2:
        return None
    left = values - values.mean(1, keepdims=True) - values.mean(0, keepdims=True) + values.mean()
    df = (rows - 1) * (seeds - 1)
    return Luck(float((left**2).sum() / df), df)


def paired_difference(sample: Sample, reference: Sample, clusters: int, of_table: Luck | None = None) -> Difference:
    """`sample` less `reference`: runs with the same S seeds, in the same order, scored on the same resamples.

    Two sources add up: the variance over seeds of the difference of two runs with the same seed (which share their
    batches and their draws, and are independent at worst), divided by S, with S - 1 degrees of freedom, or as the runs
    of the whole table have it (`of_table`); and the variance over resamples of the difference of the means over seeds,
    with Q - 1 for Q clusters. Together they have Welch's and Satterthwaite's degrees of freedom. With one seed the
    interval is of these very networks, by_seeds nan.
    Raises ValueError where the sides have different numbers of runs, InputError where they have none.
    """
    if not len(sample.values):
        raise InputError("there is no run to compare: give at least one on each side")
    if sample.values.shape != reference.values.shape:
        raise ValueError(f"{len(sample.values)} runs cannot be paired with {len(reference.values)}")
    each = sample.values - reference.values  # (S,)
    between = sample.resampled.mean(0) - reference.resampled.mean(0)  # (R,)
    value, seeds = float(each.mean()), len(each)
    own = Luck(float(each.var(ddof=1)) / 2, seeds - 1) if seeds > 1 else None
    by_chance = of_table if own and of_table else own
    by_seeds = 2 * by_chance.variance / seeds if by_chance else np.nan
    by_clusters = float(np.nanvar(between, ddof=1)) if clusters > 1 else np.nan
    errors = float(np.sqrt(by_seeds)), float(np.sqrt(by_clusters))
    df = by_chance.df if by_chance else 0
    known = [(v, df) for v, df in ((by_seeds, df), (by_clusters, clusters - 1)) if np.isfinite(v)]
    if not known:
        return Difference(value, np.nan, np.nan, np.nan, *errors)
    error = sum(v for v, _ in known) ** 0.5
    if error == 0:  # nothing varies: equal is equal, and any difference is one
        return Difference(value, value, value, float(value == 0), *errors, 0.0, np.inf)
    df = error**4 / sum(v**2 / d for v, d in known)
    half = float(stdtrit(df, 1 - LEVEL / 2)) * error
    p = float(2 * stdtr(df, -abs(value) / error))
    return Difference(value, value - half, value + half, p, *errors, error, df)


def beyond_noise(difference: float, p: float, floor: float | None = None) -> bool:
    """Whether a difference is more than chance and more than the noise of the device.

    p : adjusted for all differences that are judged together; floor: None or NaN where no noise was measured
    """
    return bool(p < LEVEL and abs(difference) > np.fmax(floor or 0.0, 0.0))


def holm(p: Array) -> Array:
    """p-values (M,) adjusted for having been tested together (Holm, 1979); nan stays nan and counts for nothing."""
    p = np.asarray(p, float)
    adjusted = np.full_like(p, np.nan)
    order = np.argsort(p, kind="stable")
    order = order[: int(np.isfinite(p).sum())]  # nan is sorted last
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
