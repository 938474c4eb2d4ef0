"""Resamples, differences and Holm: against literal versions, and against data whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from metrics.statistics import Sample, holm, paired_difference, resample, resampled_mean


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


def _sample(random: np.random.Generator, clusters: np.ndarray, seeds: int, shift: float, counts: np.ndarray) -> Sample:
    """Runs whose error is that of the clusters, a shift, and a network's own luck; clusters (Q,)."""
    runs = clusters + shift + random.normal(0, 1, (seeds, 1)) + random.normal(0, 0.5, (seeds, len(clusters)))
    return Sample(runs.mean(1), runs @ counts.T / len(clusters))


def test_intervals_hold_the_true_difference_as_often_as_they_say() -> None:
    random, hits, rejected, trials, widths = np.random.default_rng(0), 0, 0, 500, []
    counts = resample(20)
    for _ in range(trials):
        clusters = random.normal(0, 10, 20)  # differ far more than the nets do: pairing takes that out
        difference = paired_difference(*(_sample(random, clusters, 3, s, counts) for s in (2.0, 0.0)), clusters=20)
        widths.append(difference.high - difference.low)
        hits += difference.low <= 2 <= difference.high
        same = paired_difference(*(_sample(random, clusters, 3, 0, counts) for _ in range(2)), clusters=20)
        rejected += same.p < 0.05
    assert 0.93 <= hits / trials <= 0.97
    assert 0.03 <= rejected / trials <= 0.07
    assert np.median(widths) < 6  # without pairing the clusters alone would make it 12


def test_differences_turn_their_sign_with_their_sides() -> None:
    random, counts = np.random.default_rng(1), resample(6)
    a, b = (_sample(random, random.normal(size=6), 3, s, counts) for s in (0.0, 1.0))
    forth, back = paired_difference(a, b, 6), paired_difference(b, a, 6)
    assert forth.value == -back.value
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert forth.p == pytest.approx(back.p)


def test_what_is_not_known_is_not_stated() -> None:
    one_run = Sample(np.array([3.0]), np.full((1, 200), 3.0))
    nothing = paired_difference(one_run, one_run, clusters=1)
    assert np.isnan([nothing.p, nothing.low, nothing.by_seeds, nothing.by_clusters]).all()
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_difference(one_run, Sample(np.zeros(2), np.zeros((2, 200))), clusters=3)
    exact = Sample(np.array([2.0, 2.0]), np.full((2, 200), 2.0))
    assert paired_difference(exact, exact, clusters=3).p == 1  # nothing varies and nothing differs


@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=12))
def test_holm_is_the_step_down_procedure(values: list[float]) -> None:
    p, level = np.array(values), 0.05
    adjusted = holm(p)
    assert np.array_equal(np.isnan(adjusted), np.isnan(p))
    known = sorted((x, i) for i, x in enumerate(p) if not np.isnan(x))
    rejected = set()
    for rank, (x, i) in enumerate(known):
        if x * (len(known) - rank) > level:
            break
        rejected.add(i)
    assert {i for i, x in enumerate(adjusted) if x <= level} == rejected


def test_without_runs_or_clusters_there_is_nothing_to_compare() -> None:
    with pytest.raises(InputError, match="there is nothing to resample"):
        resample(0)
    none = Sample(np.zeros(0), np.zeros((0, 200)))
    with pytest.raises(InputError, match="there is no run to compare"):
        paired_difference(none, none, 4)
