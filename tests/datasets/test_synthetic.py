"""Synthetic motion: a body that could be somebody's."""

import numpy as np

from datasets.motion.cameras import project, subject_cameras, to_camera
from datasets.motion.synthetic import ACTIONS, ANKLE, ANKLES, FPS, SIZES, STEP, Take, motion
from datasets.skeletons import BONES

SPLITS = motion("synthetic", None, 0).splits
TAKES = [take for takes in SPLITS.values() for take in takes]
PARENTS, CHILDREN = np.array(BONES).T


def _speed(take: Take) -> np.ndarray:
    """(T - 1, 17) metres a second."""
    return np.linalg.norm(np.diff(take.joints, axis=0), axis=-1) * FPS


def test_sizes_subjects_and_actions() -> None:
    assert {split: (len(t), len(t[0].frames), len(t[0].cameras)) for split, t in SPLITS.items()} == {
        "train": (64, 160, 4),
        "val": (8, 120, 1),
        "test": (12, 120, 1),
    }
    assert {take.action for take in SPLITS["train"]} == set(ACTIONS)
    subjects = [{take.subject for take in takes} for takes in SPLITS.values()]
    assert sum(map(len, subjects)) == len(set.union(*subjects)) == sum(size[1] for size in SIZES.values())


def test_bones_keep_their_length_and_bodies_differ() -> None:
    lengths = {}
    for take in TAKES:
        bones = np.linalg.norm(take.joints[:, CHILDREN] - take.joints[:, PARENTS], axis=-1)
        assert np.ptp(bones, axis=0).max() < 1e-6
        lengths[take.subject] = bones[0]
    for a, b in zip(list(lengths.values())[:-1], list(lengths.values())[1:], strict=True):
        assert np.abs(a - b).max() > 0.005
    for bones in lengths.values():
        thigh, shank = bones[[4, 1]].mean(), bones[[5, 2]].mean()
        assert 0.35 < thigh < 0.55
        assert 0.35 < shank < 0.55


def test_a_foot_is_on_the_floor_or_on_a_step_and_nothing_is_below_it() -> None:
    for take in TAKES:
        lowest = take.joints[:, ANKLES, 2].min(1)
        assert np.ptp(lowest) < 0.09
        assert 0.03 < lowest.min() < ANKLE + STEP
        assert take.joints[..., 2].min() > lowest.min() - 0.06
        assert np.ptp(take.joints[..., 2]) < 2.3
    standing = np.array([take.joints[:, ANKLES, 2].min() for take in TAKES])
    assert 0.3 < (standing < ANKLE).mean() < 0.7


def test_speeds_are_human() -> None:
    for take in TAKES:
        root = _speed(take)[:, 0].mean()
        low, high = {"Walking": (0.6, 1.5), "Running": (1.1, 3.0)}.get(take.action, (0.0, 1.0))
        assert low < root < high, take.action
        assert 0.3 < _speed(take).max() < 12


def test_a_walker_does_not_slide() -> None:
    """The foot that carries the body moves far slower than the body."""
    for take in (take for take in TAKES if take.action == "Walking"):
        speed, feet = _speed(take), take.joints[:-1, [3, 6]]
        standing = np.where(feet[:, 0, 2] < feet[:, 1, 2], speed[:, 3], speed[:, 6])
        assert np.median(standing) < 0.35 * speed[:, 0].mean()


def test_everybody_is_in_the_picture() -> None:
    for take in TAKES:
        for index in take.cameras:
            camera = subject_cameras(take.subject, 0)[index]
            pixels = project(to_camera(take.joints, camera), camera)
            assert pixels.min() > 0
            assert (pixels < camera.size).all()


def test_another_seed_is_another_motion() -> None:
    again, other = motion("synthetic", None, 0).splits, motion("synthetic", None, 1).splits
    for split, takes in SPLITS.items():
        assert all((a.joints == b.joints).all() for a, b in zip(takes, again[split], strict=True))
        assert all((a.joints != b.joints).any() for a, b in zip(takes, other[split], strict=True))


def test_no_name_is_one_that_the_papers_leave_out() -> None:
    """Sequences of S9 that Human3.6M's protocol blocks must not occur by accident."""
    assert not any(take.sequence(0).startswith("s_09") for take in TAKES)
    assert len({take.sequence(0) for take in TAKES}) == len(TAKES)
