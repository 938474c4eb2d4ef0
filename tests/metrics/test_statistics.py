"""Clusters and their resamples, against literal versions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from metrics.statistics import resample, resampled_mean


def test_resamples_hold_as_many_clusters_as_there_are_and_are_always_the_same() -> None:
    counts = resample(7, replicates=300)
    assert (counts.sum(1) == 7).all()
    assert np.array_equal(counts, resample(7, replicates=300))
    assert counts.mean(0) == pytest.approx(np.ones(7), abs=0.2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 6))
def test_resampled_mean_is_the_mean_over_rows_repeated(seed: int, groups: int, clusters: int) -> None:
    random = np.random.default_rng(seed)
    n = 40
    values, cluster, group = random.normal(size=n), random.integers(clusters, size=n), random.integers(groups, size=n)
    counts = resample(clusters, replicates=5, seed=seed)
    found = resampled_mean(values, cluster, counts, group)
    for count, mean in zip(counts, found, strict=True):
        rows = np.repeat(np.arange(n), count[cluster])
        means = [values[rows][group[rows] == g].mean() for g in np.unique(group[rows])]
        assert (np.isnan(mean) and not means) or mean == pytest.approx(np.mean(means))


def test_without_clusters_there_is_nothing_to_resample() -> None:
    with pytest.raises(InputError, match="there is nothing to resample"):
        resample(0)
