"""Clusters: what was drawn at random of a test set, and what a metric is when they are drawn again.

Frames of a sequence are alike, and so are the views of one take by several cameras: what was drawn at random is the
*cluster* (the take), not the frame. Every run scores the same R resamples of the clusters, so that differences between
runs are paired (`metrics.differences`). Only `resample` draws random numbers, from a fixed seed.

Looked at besides: scipy.stats.bootstrap resamples one axis of independent numbers, and knows neither clusters nor a
metric that pools them anew.
"""

import numpy as np

from base.errors import InputError

REPLICATES = 200  # of the cluster bootstrap: its standard error is then known to 5 %

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
