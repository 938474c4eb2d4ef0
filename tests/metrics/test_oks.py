"""OKS AP: what is handed to pycocotools, seen in its answers."""

import numpy as np
import pytest

from metrics.oks import SIGMAS, STATS, oks_ap
from metrics.poseval import JOINTS, Persons, annotated, predicted
from studies.errors import InputError

AREA = 100.0**2  # large, in COCO's words


def truth_of(n: int) -> Persons:
    poses = np.random.default_rng(0).uniform(0, 400, (n, 15, 3))
    return annotated(np.arange(n), poses, np.tile([0, 0, 30, 40], (n, 1)))


def guess(truth: Persons, keypoints: np.ndarray) -> Persons:
    return predicted(truth.frame, keypoints, np.ones((len(truth), 15)), truth.present)


def test_sigmas_are_cocos() -> None:
    assert dict(zip(JOINTS, SIGMAS.tolist(), strict=True)) == {
        "right_ankle": 0.089, "right_knee": 0.087, "right_hip": 0.107, "left_hip": 0.107, "left_knee": 0.087,
        "left_ankle": 0.089, "right_wrist": 0.062, "right_elbow": 0.072, "right_shoulder": 0.079,
        "left_shoulder": 0.079, "left_elbow": 0.072, "left_wrist": 0.062, "head_bottom": 0.025, "nose": 0.026,
        "head_top": 0.025,
    }  # fmt: skip


def test_truth_against_itself_is_100() -> None:
    truth = truth_of(4)
    result = oks_ap(truth, guess(truth, truth.keypoints), np.ones(4, bool), np.full(4, AREA))
    assert tuple(result) == STATS
    assert result["AP"] == result["AR"] == result["APl"] == pytest.approx(100)
    assert np.isnan(result["APm"])  # nobody of medium size


@pytest.mark.parametrize(("similarity", "thresholds"), [(0.52, 1), (0.72, 5), (0.94, 9)])
def test_similarity_counts_at_the_thresholds_below_it(similarity: float, thresholds: int) -> None:
    """All joints moved to one OKS by hand: exp(-d² / (2 area (2 sigma)²)); AP is the share of 0.50, 0.55, ..., 0.95."""
    truth = truth_of(3)
    distance = 2 * SIGMAS * np.sqrt(-2 * AREA * np.log(similarity))
    moved = truth.keypoints + np.stack([distance, np.zeros(15)], -1)
    result = oks_ap(truth, guess(truth, moved), np.ones(3, bool), np.full(3, AREA))
    assert result["AP"] == pytest.approx(10 * thresholds)
    assert result["AP50"] == pytest.approx(100)
    assert result["AP75"] == pytest.approx(100 * (similarity > 0.75))


def test_absent_joints_and_unlabelled_frames_do_not_count() -> None:
    poses = np.random.default_rng(1).uniform(1, 400, (3, 15, 3))
    poses[0, :5] = 0
    truth = annotated(np.arange(3), poses, np.tile([0, 0, 30, 40], (3, 1)))
    moved = truth.keypoints.copy()
    moved[0, :5] += 500  # not annotated
    moved[2] += 500  # not labelled
    guesses = predicted(truth.frame, moved, np.ones((3, 15)))
    assert oks_ap(truth, guesses, np.array([True, True, False]), np.full(3, AREA))["AP"] == pytest.approx(100)
    assert oks_ap(truth, guesses, np.ones(3, bool), np.full(3, AREA))["AP"] < 70


def test_person_scores_decide_the_rank() -> None:
    truth = truth_of(1)
    both = predicted(np.zeros(2, int), np.stack([truth.keypoints[0], truth.keypoints[0] + 900]), np.ones((2, 15)))
    for scores, expected in (((2, 1), 100), ((1, 2), 50)):
        result = oks_ap(truth, both, np.ones(1, bool), np.array([AREA]), np.array(scores))
        assert result["AP"] == pytest.approx(expected)


def test_nothing_predicted_and_nothing_annotated() -> None:
    truth = truth_of(2)
    none = predicted(np.zeros(0, int), np.zeros((0, 15, 2)), np.zeros((0, 15)))
    assert oks_ap(truth, none, np.ones(2, bool), np.full(2, AREA))["AP"] == 0
    empty = annotated(np.zeros(0, int), np.zeros((0, 15, 3)), np.zeros((0, 4)))
    assert np.isnan(oks_ap(empty, none, np.ones(2, bool), np.zeros(0))["AP"])


def test_bad_input_ends_in_one_line() -> None:
    truth = truth_of(2)
    guesses = guess(truth, truth.keypoints)
    with pytest.raises(InputError, match=r"area must be \(2,\)"):
        oks_ap(truth, guesses, np.ones(2, bool), np.ones(3))
    with pytest.raises(InputError, match="not positive"):
        oks_ap(truth, guesses, np.ones(2, bool), np.zeros(2))
    with pytest.raises(InputError, match="only 1 frames"):
        oks_ap(truth, guesses, np.ones(1, bool), np.ones(2))
    with pytest.raises(InputError, match="person_scores has NaN"):
        oks_ap(truth, guesses, np.ones(2, bool), np.ones(2), np.full(2, np.nan))
