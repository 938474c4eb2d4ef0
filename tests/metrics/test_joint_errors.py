"""The per-frame errors: hand-computed cases, an independent slow oracle, and the laws they must obey."""

import numpy as np
import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from base.errors import InputError
from metrics.lifting import (
    acceleration_error,
    auc3d,
    mpjpe,
    mpjve,
    n_mpjpe,
    p_mpjpe,
    pck3d,
    procrustes_align,
    segments,
    within_sequences,
)

ALL = [mpjpe, p_mpjpe, n_mpjpe, pck3d, auc3d]
seeds = st.integers(0, 2**32 - 1)


def poses(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 300, (*shape, 17, 3))


def aligned_one_frame(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The best similarity of one (J, 3) pose, its rotation by scipy's solver, which never reflects."""
    p, g = predicted - predicted.mean(0), target - target.mean(0)
    turned = Rotation.align_vectors(g, p)[0].apply(p)
    return turned * (turned * g).sum() / (p**2).sum() + target.mean(0)


def best_error_by_search(predicted: np.ndarray, target: np.ndarray) -> float:
    """Least squared error over proper similarities, from many starts of a general minimiser."""
    p, g = predicted - predicted.mean(0), target - target.mean(0)

    def loss(x: np.ndarray) -> float:
        return ((np.exp(x[3]) * Rotation.from_rotvec(x[:3]).apply(p) - g) ** 2).mean()

    starts = Rotation.random(6, random_state=0).as_rotvec()
    return min(minimize(loss, [*start, 0.0], tol=1e-10).fun for start in starts)


def test_mpjpe_by_hand():
    predicted, target = np.zeros((2, 2, 3)), np.zeros((2, 2, 3))
    predicted[0, 1] = [3, 4, 0]  # distance 5, halved by the exact root
    predicted[1, 0] = [0, 0, 7]
    assert mpjpe(predicted, target).tolist() == [2.5, 3.5]


def test_n_mpjpe_by_hand():
    target = np.array([[0.0, 0, 0], [2, 0, 0], [0, 4, 0]])
    predicted = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])  # scale (2 + 4) / 2 = 3
    assert n_mpjpe(predicted, target) == pytest.approx((0 + 1 + 1) / 3)


def test_differences_in_time_by_hand():
    predicted, target = np.zeros((4, 1, 3)), np.zeros((4, 1, 3))
    predicted[:, 0, 0] = [0, 1, 4, 9]
    assert mpjve(predicted, target).tolist() == [1, 3, 5]
    assert acceleration_error(predicted, target).tolist() == [2, 2]


def test_pck_is_strict_and_auc_of_a_perfect_result_is_not_100():
    target = np.zeros((1, 2, 3))
    predicted = target.copy()
    predicted[0, 0, 0] = 150.0
    assert pck3d(predicted, target).tolist() == [50.0]  # 150 is not below 150
    assert auc3d(predicted, target)[0] == pytest.approx(50 * 30 / 31)
    assert auc3d(target, target)[0] == pytest.approx(96.774, abs=5e-4)
    predicted[0, 0, 0] = 72.0  # below 75, 80, ..., 150: 16 of 31
    assert auc3d(predicted, target)[0] == pytest.approx((100 * 16 + 50 * 14) / 31)


@given(seeds)
@examples(30)
def test_p_mpjpe_equals_the_frame_by_frame_fit(seed):
    predicted, target = poses(seed, 4), poses(seed + 1, 4)
    target[0] *= [1, 1, 1e-3]  # a nearly flat pose
    slow = [np.linalg.norm(aligned_one_frame(p, g) - g, axis=-1).mean() for p, g in zip(predicted, target, strict=True)]
    np.testing.assert_allclose(p_mpjpe(predicted, target), slow, rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_mirrored_pose_gets_the_best_proper_fit_not_the_reflection(seed):
    target = poses(seed)
    mirrored = target * [-1, 1, 1]
    fitted = procrustes_align(mirrored, target)
    assert ((fitted - target) ** 2).mean() == pytest.approx(best_error_by_search(mirrored, target), rel=1e-5)
    assert p_mpjpe(mirrored, target) > 10


@given(seeds, st.floats(0.1, 10))
@examples(30)
def test_similarities_do_not_change_p_mpjpe(seed, scale):
    predicted, target = poses(seed, 3), poses(seed + 1, 3)
    rotation = Rotation.random(random_state=seed % 1000).as_matrix()
    moved = scale * predicted @ rotation + [100, -2000, 4000]
    np.testing.assert_allclose(p_mpjpe(moved, target), p_mpjpe(predicted, target), rtol=1e-7)
    np.testing.assert_allclose(p_mpjpe(scale * target @ rotation + 5, target), 0, atol=1e-8)


@given(seeds, st.floats(0.01, 100))
@examples(30)
def test_laws_of_the_errors(seed, scale):
    predicted, target = poses(seed, 3), poses(seed + 1, 3)
    predicted -= predicted[:, :1]
    target -= target[:, :1]
    rotation = Rotation.random(random_state=seed % 1000).as_matrix()
    for metric in ALL:  # turning both by the same rotation changes nothing
        np.testing.assert_allclose(metric(predicted @ rotation, target @ rotation), metric(predicted, target))
    np.testing.assert_allclose(n_mpjpe(scale * predicted, target), n_mpjpe(predicted, target))
    np.testing.assert_allclose(mpjpe(scale * predicted, scale * target), scale * mpjpe(predicted, target))
    # Each family of fits contains the one before, in the squares that they minimise.
    fitted = ((procrustes_align(predicted, target) - target) ** 2).sum((-1, -2))
    assert (fitted <= ((predicted - target) ** 2).sum((-1, -2)) + 1e-6).all()
    assert (auc3d(predicted, target) <= pck3d(predicted, target)).all()


@pytest.mark.parametrize("metric", [mpjpe, p_mpjpe, n_mpjpe, mpjve, acceleration_error])
def test_perfect_is_zero(metric):
    target = poses(0, 5)
    np.testing.assert_allclose(metric(target, target), 0, atol=1e-9)


@pytest.mark.parametrize("value", [0.1, 1234.567])
def test_degenerate_poses_are_defined(value):
    target = poses(3) + 50
    collapsed = np.full((17, 3), value)
    to_centroid = np.linalg.norm(target - target.mean(0), axis=-1).mean()
    assert p_mpjpe(collapsed, target) == pytest.approx(to_centroid)
    rounding = collapsed + np.spacing(collapsed) * np.random.default_rng(0).integers(-1, 2, (17, 3))
    assert p_mpjpe(rounding, target) == pytest.approx(to_centroid)  # noise is not stretched into a pose
    assert p_mpjpe(target, collapsed) == pytest.approx(0, abs=1e-9)
    assert n_mpjpe(np.zeros((17, 3)), target) == pytest.approx(np.linalg.norm(target, axis=-1).mean())
    line = np.outer(np.arange(17.0), [1, 2, 3])  # collinear: rank one
    assert p_mpjpe(3 * line @ Rotation.random(random_state=0).as_matrix(), line) == pytest.approx(0, abs=1e-9)


def test_leading_axes_are_kept_and_float32_is_summed_in_float64():
    predicted, target = poses(0, 2, 5), poses(1, 2, 5)
    assert p_mpjpe(predicted, target).shape == (2, 5)
    assert mpjve(predicted, target).shape == (2, 4)
    assert mpjpe(predicted.astype(np.float32), target.astype(np.float32)).dtype == np.float64


def test_segments_end_at_names_and_at_gaps():
    names = np.array(["a", "a", "a", "b", "b", "a"])
    assert segments(names) == [slice(0, 3), slice(3, 5), slice(5, 6)]
    assert segments(names, np.array([0, 1, 5, 6, 7, 8]))[:2] == [slice(0, 2), slice(2, 3)]
    assert segments(np.array([])) == []


def test_differences_do_not_reach_across_sequences():
    predicted, target = poses(0, 6), poses(1, 6)
    names = np.array(["a", "a", "a", "b", "b", "c"])
    values, rows = within_sequences(mpjve, predicted, target, names)
    assert rows.tolist() == [1, 2, 4]
    expected = [*mpjve(predicted[:3], target[:3]), *mpjve(predicted[3:5], target[3:5])]
    np.testing.assert_allclose(values, expected)
    assert within_sequences(acceleration_error, predicted, target, names)[1].tolist() == [2]


@pytest.mark.parametrize("metric", [*ALL, mpjve, acceleration_error])
def test_bad_input_is_one_clear_line(metric):
    good = poses(0, 4)
    with pytest.raises(InputError, match=r"shape \(4, 17, 3\), target \(3, 17, 3\)"):
        metric(good, good[:3])
    broken = good.copy()
    broken[2, 3, 1] = np.nan
    with pytest.raises(InputError, match="1 NaN or infinite"):
        metric(broken, good)
    with pytest.raises(InputError, match=r"\(\.\.\., J, 3\)"):
        metric(good[..., :2], good[..., :2])


@pytest.mark.parametrize("metric", [mpjve, acceleration_error])
def test_differences_need_a_time_axis(metric):
    with pytest.raises(InputError, match="time axis"):
        metric(poses(0), poses(0))
