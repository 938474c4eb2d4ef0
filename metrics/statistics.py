"""Is a difference real? Seeds and sequences as two separate sources of chance, and Holm for a table of differences.

Frames of a sequence are alike, and so are the views of one take by several cameras: what was drawn at random is the
*cluster* (the take), not the frame. A metric's dependence on which clusters are in the test set is estimated by a
cluster bootstrap: every run scores the same R resamples (`resample`), so that differences between runs are paired. Its
dependence on the seed is estimated from the runs themselves. Only `resample` draws random numbers, from a fixed seed.

Looked at besides: scipy.stats.bootstrap resamples one axis of independent numbers, and knows neither clusters nor a
metric that pools them anew; statsmodels has Holm, for an import of three seconds. Student's distribution is scipy's.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from base.errors import InputError

REPLICATES = 200  # of the cluster bootstrap: its standard error is then known to 5 %
LEVEL = 0.05

Array = np.ndarray


def resample(clusters: int, replicates: int = REPLICATES, seed: int = 0) -> Array:
    """(R, Q) how often each of Q clusters is in each of R resamples of Q clusters, drawn with replacement.

    The same for the same Q, so that whoever scores the same clusters in the same order scores the same resamples.
    Raises InputError without a cluster.
    """
    if clusters < 1:
        raise InputError("there is nothing to resample: give at least one cluster")
    drawn = np.random.default_rng(seed).integers(clusters, size=(replicates, clusters))
    return (drawn[:, :, None] == np.arange(clusters)).sum(1)


def resampled_mean(values: Array, cluster: Array, counts: Array, group: Array | None = None) -> Array:
    """(R,) the mean of values in each resample; with groups, the mean over the groups present of their means.

    values, cluster : (N,) numbers and the cluster, 0 to Q - 1, that each belongs to; counts : (R, Q) of `resample`
    group : (N,) whole numbers from 0, or None. A resample that holds no value at all gives nan.
    """
    group = np.zeros(len(values), int) if group is None else group
    groups, clusters = int(group.max(initial=-1)) + 1, counts.shape[1]
    cell = group * clusters + cluster
    total = np.bincount(cell, values, groups * clusters).reshape(groups, clusters)
    number = np.bincount(cell, minlength=groups * clusters).reshape(groups, clusters)
    present = counts @ number.T  # (R, groups)
    with np.errstate(invalid="ignore"):
        means = np.where(present > 0, counts @ total.T / np.maximum(present, 1), 0)
        return means.sum(1) / (present > 0).sum(1)


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
    """

    value: float
    low: float
    high: float
    p: float
    by_seeds: float
    by_clusters: float


def paired_difference(sample: Sample, reference: Sample, clusters: int) -> Difference:
    """`sample` less `reference`: runs with the same S seeds, in the same order, scored on the same resamples.

    Two sources add up: the variance over seeds of the difference of two runs with the same seed (which share their
    batches and their draws, and are independent at worst), divided by S, with S - 1 degrees of freedom; and the
    variance over resamples of the difference of the means over seeds, with Q - 1 for Q clusters. Together they have
    Welch's and Satterthwaite's degrees of freedom. With one seed the interval is of these very networks, by_seeds nan.
    Raises ValueError where the sides have different numbers of runs, InputError where they have none.
    """
    if not len(sample.values):
        raise InputError("there is no run to compare: give at least one on each side")
    if sample.values.shape != reference.values.shape:
        raise ValueError(f"{len(sample.values)} runs cannot be paired with {len(reference.values)}")
    each = sample.values - reference.values  # (S,)
    between = sample.resampled.mean(0) - reference.resampled.mean(0)  # (R,)
    value, seeds = float(each.mean()), len(each)
    by_seeds = float(each.var(ddof=1)) / seeds if seeds > 1 else np.nan
    by_clusters = float(np.nanvar(between, ddof=1)) if clusters > 1 else np.nan
    errors = float(np.sqrt(by_seeds)), float(np.sqrt(by_clusters))
    known = [(v, df) for v, df in ((by_seeds, seeds - 1), (by_clusters, clusters - 1)) if np.isfinite(v)]
    if not known:
        return Difference(value, np.nan, np.nan, np.nan, *errors)
    variance = sum(v for v, _ in known)
    if variance == 0:  # nothing varies: equal is equal, and any difference is one
        return Difference(value, value, value, float(value == 0), *errors)
    df = variance**2 / sum(v**2 / d for v, d in known)
    half = float(stdtrit(df, 1 - LEVEL / 2)) * variance**0.5
    p = float(2 * stdtr(df, -abs(value) / variance**0.5))
    return Difference(value, value - half, value + half, p, *errors)


def holm(p: Array) -> Array:
    """p-values (M,) adjusted for having been tested together (Holm, 1979); nan stays nan and counts for nothing."""
    p = np.asarray(p, float)
    adjusted = np.full_like(p, np.nan)
    order = np.argsort(p, kind="stable")
    order = order[: int(np.isfinite(p).sum())]  # nan is sorted last
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
