"""Differences, what of them is visible, and Holm: against data whose truth is known, and literal versions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtr

from base.errors import InputError
from metrics.differences import LEVEL, Difference, Sample, holm, luck, paired_difference
from metrics.statistics import resample


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


@pytest.mark.parametrize(("seeds", "clusters"), [(3, 20), (5, 8)])
@pytest.mark.parametrize("tests", [1, 6])
def test_the_smallest_visible_difference_is_found_four_times_in_five(seeds: int, clusters: int, tests: int) -> None:
    """By simulation: networks that differ by as much, where the true errors are known and not estimated."""
    random, trials = np.random.default_rng(0), 2000
    by_seeds, by_clusters = 2 / seeds, 0.5 / clusters
    error, df = (by_seeds + by_clusters) ** 0.5, (by_seeds + by_clusters) ** 2
    df /= by_seeds**2 / (seeds - 1) + by_clusters**2 / (clusters - 1)
    truth = Difference(0, 0, 0, 0, by_seeds**0.5, by_clusters**0.5, error, df).smallest_visible(tests)
    counts, found = resample(clusters), 0
    for _ in range(trials):
        own = random.normal(0, 0.5**0.5, clusters)  # how the two nets differ on each cluster
        own_luck = random.normal(0, 2**0.5, (seeds, 1))  # and what the seeds add to that
        resampled = (own @ counts.T / clusters) + own_luck
        runs = Sample(truth + own.mean() + own_luck[:, 0], truth + resampled)
        other = Sample(np.zeros(seeds), np.zeros_like(resampled))
        found += paired_difference(runs, other, clusters).p < LEVEL / tests
    assert 0.77 <= found / trials <= 0.83


@given(st.floats(1, 300), st.floats(0.01, 50), st.integers(1, 60))
def test_what_is_visible_is_called_and_grows_with_error_and_tests(df: float, error: float, tests: int) -> None:
    difference = Difference(0, 0, 0, 1, error, np.nan, error, df)
    visible = difference.smallest_visible(tests)
    assert visible == pytest.approx(error * Difference(0, 0, 0, 1, 1, np.nan, 1.0, df).smallest_visible(tests))
    assert visible < difference.smallest_visible(tests + 1)
    assert 2 * stdtr(df, -visible / error) < LEVEL / tests  # p of a difference as large as that


def test_without_runs_there_is_nothing_to_compare() -> None:
    none = Sample(np.zeros(0), np.zeros((0, 200)))
    with pytest.raises(InputError, match="there is no run to compare"):
        paired_difference(none, none, 4)


def test_luck_is_what_two_rows_scatter_by_and_many_rows_tell_better() -> None:
    random = np.random.default_rng(2)
    pair = random.normal(size=(2, 4)) + random.normal(size=4)
    assert luck(pair).variance == pytest.approx((pair[0] - pair[1]).var(ddof=1) / 2)
    assert luck(pair).df == 3
    assert luck(pair[:1]) is luck(pair[:, :1]) is None
    rows, seeds = random.normal(0, 9, (12, 1)), random.normal(0, 9, 3)
    found = [luck(rows + seeds + random.normal(0, 2, (12, 3))) for _ in range(300)]
    assert found[0].df == 22
    assert np.mean([each.variance for each in found]) == pytest.approx(4, rel=0.05)


def test_intervals_hold_as_often_with_the_luck_of_a_table_and_are_shorter() -> None:
    random, counts, hits, widths, alone, trials = np.random.default_rng(3), resample(20), 0, [], [], 400
    for _ in range(trials):
        clusters = random.normal(0, 1, 20)
        rows = [_sample(random, clusters, 3, shift, counts) for shift in (2.0, 0.0, 1.0, 1.0, 3.0, 5.0)]
        of_table = luck(np.stack([row.values for row in rows]))
        difference = paired_difference(rows[0], rows[1], 20, of_table)
        hits += difference.low <= 2 <= difference.high
        widths.append(difference.high - difference.low)
        own = paired_difference(rows[0], rows[1], 20)
        alone.append(own.high - own.low)
    assert 0.92 <= hits / trials <= 0.98
    assert np.mean(widths) < 0.65 * np.mean(alone)
