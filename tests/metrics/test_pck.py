"""PCK of Sub-JHMDB: the boundary, the sizes, and the two quantities that are both called Mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from metrics.keypoints import box_size, jhmdb_columns, pck, torso_size
from metrics.pck import JOINTS, MEAN_GROUPS, MEAN_JOINTS


def persons(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 200, (n, 15, 2))


def test_one_exact_hit_separates_the_kits() -> None:
    """0.6667 by MMPose against 0.6833 by SmoothNet, on 60 joints of which one lies exactly at the limit."""
    truth, size = persons(4).round(), np.full(4, 50.0)
    error = np.zeros((4, 15))
    error.flat[:20] = 11  # beyond 0.2 x 50
    error.flat[0] = 10  # exactly there
    error.flat[20:] = 9
    error.flat[59] = 12
    predicted = truth + np.stack([error, np.zeros_like(error)], -1)
    below, at_most = (pck(predicted, truth, size, strict=strict) for strict in (True, False))
    assert below.mean() / 100 == pytest.approx(39 / 60)
    assert at_most.mean() / 100 == pytest.approx(40 / 60)
    error.flat[59] = 9
    predicted = truth + np.stack([error, np.zeros_like(error)], -1)
    assert pck(predicted, truth, size).mean() / 100 == pytest.approx(0.6667, abs=5e-5)
    assert pck(predicted, truth, size, strict=False).mean() / 100 == pytest.approx(0.6833, abs=5e-5)


def test_the_published_anchor_names_its_mean() -> None:
    """mmpose's ResNet-50 prints 96.0 beside seven columns whose own mean is 95.7: its mean is over 15 joints."""
    columns = dict(zip(("Head", "Sho", "Elb", "Wri", "Hip", "Knee", "Ank"), (99.2, 97.7, 92.8, 90.0, 99.3, 96.9, 93.9),
                       strict=True))  # fmt: skip
    part = {"head": "Head", "shoulder": "Sho", "elbow": "Elb", "wrist": "Wri", "hip": "Hip", "knee": "Knee",
            "ankle": "Ank"}  # fmt: skip
    joints = np.array([columns[part[n.split("_")[-1]]] if n.split("_")[-1] in part else 100.0 for n in JOINTS])
    result = jhmdb_columns(joints)
    assert {name: result[name] for name in columns} == pytest.approx(columns)
    assert round(result[MEAN_GROUPS], 1) == 95.7
    assert round(result[MEAN_JOINTS], 1) == 96.0


def test_sizes() -> None:
    assert box_size(np.array([[5, 5, 30, 80], [0, 0, 40, 20]])).tolist() == [80, 40]
    truth, predicted = persons(2), persons(2, 1)
    truth[:, 4], truth[:, 5] = [10, 10], [40, 50]  # left shoulder, right hip
    truth[1, 5] = [10.5, 10]  # shorter than a pixel: the prediction's
    predicted[:, 4], predicted[:, 5] = [0, 0], [6, 8]
    assert truth[0, JOINTS.index("left_shoulder")].tolist() == [10, 10]
    assert truth[0, JOINTS.index("right_hip")].tolist() == [40, 50]
    assert torso_size(truth, predicted).tolist() == [50, 10]


def test_absent_joints_and_persons_without_size_are_left_out() -> None:
    truth, present = persons(3), np.ones((3, 15), bool)
    predicted = truth.copy()
    predicted[0] += 1000  # wrong, but has no size
    predicted[1, 2] = np.nan  # not annotated
    present[1, 2] = present[:, 7] = False
    joints = pck(predicted, truth, np.array([0.0, 50, 50]), present=present)
    assert np.isnan(joints[7])
    assert (np.delete(joints, 7) == 100).all()
    columns = jhmdb_columns(joints)
    assert np.isnan(columns["Elb"])
    assert columns[MEAN_JOINTS] == 100
    assert np.isnan(columns[MEAN_GROUPS])


@pytest.mark.parametrize("kind", ["nobody", "no joint", "no size"])
def test_where_nothing_counts_there_is_no_pck(kind: str) -> None:
    n = 0 if kind == "nobody" else 3
    truth, size = persons(n), np.full(n, 0.0 if kind == "no size" else 50.0)
    present = np.full((n, 15), kind != "no joint")
    joints = pck(truth, truth, size, present=present)
    assert np.isnan(joints).all()
    assert np.isnan(list(jhmdb_columns(joints).values())).all()


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1), st.floats(0.01, 1))
def test_pck_grows_with_alpha_and_does_not_see_scale(seed: int, a: float, b: float) -> None:
    truth, size = persons(5, seed), np.full(5, 150.0)
    predicted = truth + np.random.default_rng(seed).normal(0, 40, truth.shape)
    low, high = (pck(predicted, truth, size, alpha) for alpha in sorted((a, b)))
    assert (low <= high).all()
    assert (pck(4 * predicted, 4 * truth, 4 * size, a) == pck(predicted, truth, size, a)).all()


def test_bad_input_ends_in_one_line() -> None:
    truth, size = persons(2), np.ones(2)
    with pytest.raises(InputError, match="one shape"):
        pck(truth[:, :14], truth, size)
    with pytest.raises(InputError, match=r"size must be \(2,\)"):
        pck(truth, truth, np.ones(3))
    with pytest.raises(InputError, match="size has negative"):
        pck(truth, truth, -size)
    with pytest.raises(InputError, match="predicted joints are NaN"):
        pck(truth * np.nan, truth, size)
    with pytest.raises(InputError, match="15 joints"):
        jhmdb_columns(np.ones(14))
