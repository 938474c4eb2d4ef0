"""Targets and decoding: what goes in comes out, to a quarter of a heatmap pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from datasets.video.crop import boxes_to_crops, crop_matrix, inverse, rescale, transform
from datasets.video.heatmaps import decode, flip_average, gaussian_targets, mirrored
from datasets.video.joints import JHMDB, POSETRACK

IMAGE, HEATMAP = (192, 256), (48, 64)
ALL = np.ones(15, bool)


def targets(joints: np.ndarray, present: np.ndarray = ALL) -> tuple[np.ndarray, np.ndarray]:
    return gaussian_targets(joints, present, POSETRACK.weights(), HEATMAP)


@given(st.integers(0, 2**32 - 1))
def test_key_points_come_back_to_the_image(seed: int) -> None:
    """Image -> crop -> heatmap -> decode -> image: within 0.3 heatmap pixels, in pixels of the image."""
    rng = np.random.default_rng(seed)
    center, size = boxes_to_crops([[*rng.uniform(0, 300, 2), *rng.uniform(40, 300, 2)]])
    matrix = crop_matrix(center[0], size[0], IMAGE, rng.uniform(-45, 45), rng.random() < 0.5)
    inside = rng.uniform([1, 1], [46, 62], (15, 2))  # heatmap pixels
    joints = transform(inverse(matrix), rescale(inside, HEATMAP, IMAGE))
    maps, weight = targets(rescale(transform(matrix, joints), IMAGE, HEATMAP))
    places, maxima = decode(maps)
    back = transform(inverse(matrix), rescale(places, HEATMAP, IMAGE))
    pixel = size[0] / (np.array(HEATMAP) - 1)  # of the heatmap, in image pixels
    assert (np.linalg.norm(back - joints, axis=-1) <= 0.3 * np.linalg.norm(pixel)).all()
    assert (np.abs(places - inside) <= 0.25 + 1e-6).all()
    assert (maxima > 0.93).all()  # half a pixel off in both axes: exp(-1/16)
    assert (weight == POSETRACK.weights()).all()


def test_a_whole_pixel_comes_back_exactly_and_has_peak_one() -> None:
    joints = np.stack([np.arange(15) + 10, 2 * np.arange(15) + 10], -1).astype(float)
    places, maxima = decode(targets(joints)[0])
    np.testing.assert_array_equal(places, joints)
    np.testing.assert_array_equal(maxima, 1)
    joints[:, 0] += 0.3
    places, _ = decode(targets(joints)[0])
    np.testing.assert_allclose(places[:, 0], joints[:, 0] - 0.05)


def test_the_gaussian_by_hand() -> None:
    joints = np.full((15, 2), [20.25, 30.0])
    maps, _ = targets(joints)
    assert maps.shape == (15, 64, 48)
    assert maps.dtype == np.float32
    assert maps[0, 30, 20] == pytest.approx(np.exp(-(0.25**2) / 8))
    assert maps[0, 32, 22] == pytest.approx(np.exp(-(1.75**2 + 2**2) / 8))
    assert maps[0, 30, 26] > 0
    assert maps[0, 30, 27] == 0  # more than 3 sigma from the nearest pixel
    wide = gaussian_targets(joints, ALL, POSETRACK.weights(), HEATMAP, sigma=3.0)[0]
    assert wide[0, 30, 27] > 0


def test_absent_and_outside_joints_weigh_nothing() -> None:
    joints = np.full((15, 2), 20.0)
    present = ALL.copy()
    present[0], joints[0] = False, np.nan
    joints[1] = [47.01, 20]
    joints[2] = [20, -0.01]
    joints[3] = [47, 63]
    maps, weight = targets(joints, present)
    assert not maps[:3].any()
    assert weight[:4].tolist() == [0, 0, 0, 1]
    assert maps[3, 63, 47] == 1


def test_weights_and_mirror_images_follow_the_names() -> None:
    named = dict(zip(POSETRACK.names, POSETRACK.weights().tolist(), strict=True))
    assert named["left_elbow"] == named["right_knee"] == pytest.approx(1.2)
    assert named["right_wrist"] == named["left_ankle"] == pytest.approx(1.5)
    assert named["nose"] == named["left_hip"] == named["right_shoulder"] == 1
    assert POSETRACK.flip.tolist() == [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, 14]
    for joints in (POSETRACK, JHMDB):
        assert (joints.flip[joints.flip] == np.arange(15)).all()
        assert {joints.names[j] for j in np.flatnonzero(joints.flip == np.arange(15))} <= {
            "head_bottom", "nose", "head_top", "neck", "belly", "head"
        }  # fmt: skip
    assert {n for n, up in zip(POSETRACK.names, POSETRACK.upper, strict=True) if not up} == {
        f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle")
    }


def test_decoding_at_borders_and_on_plateaus() -> None:
    maps = np.zeros((4, 5, 6))
    maps[0, 0, 3], maps[0, 0, 4] = 2, 1  # top row: no shift in y, toward the right in x
    maps[1, 2, 0], maps[1, 1, 0] = 2, 1  # first column: no shift in x, up in y
    maps[2, 2, 2], maps[2, 2, 1], maps[2, 2, 3] = 2, 1, 1  # equal neighbours
    maps[3] = -1
    maps[3, 4, 5] = -0.5  # the last pixel, and nothing positive
    places, maxima = decode(maps)
    assert places.tolist() == [[3.25, 0], [0, 1.75], [2, 2], [5, 4]]
    assert maxima.tolist() == [2, 2, 2, -0.5]
    # The peers' spec, 3.4: both shifts where 1 < x < w - 1 and 1 < y < h - 1 alone, and (0, 0) below 0.
    assert decode(maps, released=True)[0].tolist() == [[3, 0], [0, 2], [2, 2], [0, 0]]
    inner = np.zeros((2, 5, 6))
    inner[0, 2, 2], inner[0, 2, 3], inner[0, 1, 2] = 2, 1, 1
    inner[1, 2, 1], inner[1, 2, 2] = 2, 1  # one pixel from the left border
    assert decode(inner, released=True)[0].tolist() == [[2.25, 1.75], [1, 2]]
    stacked, _ = decode(np.stack([maps, maps])[None])
    assert stacked.shape == (1, 2, 4, 2)
    assert decode(np.ones((3, 1, 2)))[0].tolist() == [[0, 0]] * 3
    assert decode(np.zeros((0, 15, 64, 48)))[0].shape == (0, 15, 2)
    maps[1, 4, 4] = np.nan
    with pytest.raises(InputError, match="NaN"):
        decode(maps)


@given(st.integers(0, 2**32 - 1))
def test_the_flip_test_turns_the_mirrored_answer_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    joints = rng.integers([0, 0], [48, 64], (15, 2)) + rng.choice([0.0, 0.25], (15, 1))
    joints[:, 0] = np.minimum(joints[:, 0], 47)
    maps, _ = targets(joints)
    reflected = joints[POSETRACK.flip]
    reflected[:, 0] = 47 - reflected[:, 0]  # what a perfect network sees in the mirrored crop
    answer, _ = targets(reflected)
    np.testing.assert_array_equal(mirrored(mirrored(maps, POSETRACK.flip), POSETRACK.flip), maps)
    np.testing.assert_allclose(flip_average(maps, answer, POSETRACK.flip), maps, atol=1e-7)
