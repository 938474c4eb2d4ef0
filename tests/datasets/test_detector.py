"""The simulated detector against the figures of MotionBERT's model, and each added term alone."""

from dataclasses import replace

import numpy as np
import pytest

from datasets.motion.detector import LIMBS, PRESETS, Detector, detect, occluded

FACTOR = 4.0
MODEL = replace(PRESETS["sh-like"], swaps=0.0, misses=0.0)  # MotionBERT's model alone


def _standing(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Joints (T, 17, 3) mm in image space and factor (T,) of a person who stands sideways, one leg behind the other."""
    pose = np.zeros((17, 3))
    pose[:, 1] = [0, 0, 450, 880, 0, 450, 880, -230, -480, -580, -690, -450, -170, 80, -450, -170, 80]
    pose[[1, 2, 3, 14, 15, 16], 2] = 130  # the right side is farther away
    pose[[4, 5, 6, 11, 12, 13], 2] = -130
    pose += np.array([2000, 2000, 0])
    return np.broadcast_to(pose, (frames, 17, 3)).copy(), np.full(frames, FACTOR)


def _displacement(terms: Detector, frames: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Displacements (T, 17, 2) px and confidence (T, 17)."""
    joints, factor = _standing(frames)
    keypoints = detect(joints, factor, terms, "s_01_act_02_subact_01_ca_01", 0)
    return keypoints[..., :2] - joints[..., :2] / FACTOR, keypoints[..., 2]


def test_the_model_has_the_published_statistics() -> None:
    """From MotionBERT's parameters: mean 4.2, median 3.6, 99 % 14, max 22 px, 1.9 px a frame, confidence 0.78."""
    move, confidence = _displacement(MODEL)
    size = np.linalg.norm(move, axis=-1)
    assert size.mean() == pytest.approx(4.2, abs=0.15)
    assert np.median(size) == pytest.approx(3.6, abs=0.15)
    assert np.percentile(size, 99) == pytest.approx(14, abs=1)
    assert size.max() == pytest.approx(22, abs=3)
    assert np.linalg.norm(np.diff(move, axis=0), axis=-1).mean() == pytest.approx(1.9, abs=0.1)
    assert confidence.mean() == pytest.approx(0.78, abs=0.01)
    # Wrists, ankles and elbows are the worst joints.
    assert set(np.argsort(size.mean(0))[-5:]) <= {3, 6, 12, 13, 15, 16}


def test_ground_truth_is_exact() -> None:
    move, confidence = _displacement(PRESETS["gt"], 50)
    assert np.abs(move).max() < 1e-4  # float32
    assert (confidence == 1).all()


def test_hard_is_noisier() -> None:
    strong, _ = _displacement(replace(PRESETS["hard"], swaps=0.0, misses=0.0, box=0.0))
    weak, _ = _displacement(MODEL)
    np.testing.assert_allclose(strong, 1.6 * weak, atol=1e-3)


def test_swaps_exchange_whole_limbs_at_the_stated_rate() -> None:
    frames = 40000
    joints, factor = _standing(frames)
    joints[:, LIMBS[1][0], 0] += 10 * FACTOR  # arms 10 px apart, legs 200
    joints[:, LIMBS[0][0], 0] += 200 * FACTOR
    truth = joints[..., :2] / FACTOR
    seen = detect(joints, factor, Detector(swaps=0.01), "x", 0)[..., :2]
    rates = []
    for right, left in LIMBS:
        swapped = np.abs(seen[:, right] - truth[:, left]).max((1, 2)) < 1e-3
        kept = np.abs(seen[:, right] - truth[:, right]).max((1, 2)) < 1e-3
        assert (swapped ^ kept).all()
        rates.append(swapped.mean())
    assert sum(rates) == pytest.approx(0.01, rel=0.25)
    assert rates[1] > 3 * rates[0]  # the close pair is preferred


def test_misses_hit_hidden_joints_only_and_hold_the_last_value() -> None:
    joints, factor = _standing(20000)
    hidden = occluded(joints)
    seen = detect(joints, factor, Detector(misses=0.01), "x", 0)
    lost = seen[..., 2] < 1
    assert lost.mean() == pytest.approx(0.01, rel=0.1)
    assert not lost[~hidden].any()
    assert seen[lost][:, 2].max() <= 0.2
    error = (seen[..., :2] - joints[..., :2] / FACTOR)[lost]
    assert error.std() == pytest.approx(30, rel=0.05)


def test_the_far_arm_is_hidden_by_the_trunk_and_the_near_one_is_not() -> None:
    joints, _ = _standing(1)
    hidden = occluded(joints)[0]
    assert hidden[15]
    assert not hidden[[4, 5, 6, 11, 12, 13]].any()
    joints[:, :, 2] *= -1  # seen from the other side
    assert occluded(joints)[0][12]


def test_the_box_moves_all_joints_alike() -> None:
    move, _ = _displacement(Detector(box=2.0), 20000)
    np.testing.assert_allclose(move, move[:, :1].repeat(17, 1), atol=1e-3)
    assert 1.2 < move.std() < 2.0  # 2 px at key frames, less between them


def test_terms_are_independent_and_seeded() -> None:
    joints, factor = _standing(300)
    both = detect(joints, factor, replace(MODEL, box=2.0), "a", 0)
    shift = detect(joints, factor, Detector(box=2.0), "a", 0)[..., :2] - joints[..., :2] / FACTOR
    np.testing.assert_allclose(both[..., :2] - shift, detect(joints, factor, MODEL, "a", 0)[..., :2], atol=1e-3)
    assert (detect(joints, factor, MODEL, "a", 0) == detect(joints, factor, MODEL, "a", 0)).all()
    assert (detect(joints, factor, MODEL, "a", 0) != detect(joints, factor, MODEL, "b", 0)).any()
    assert (detect(joints, factor, MODEL, "a", 0) != detect(joints, factor, MODEL, "a", 1)).any()
