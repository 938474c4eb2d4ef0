"""PoseTrack's AP: cases made from its nine steps, a literal slow version of them, and the laws that AP obeys."""

import json
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from metrics.keypoints import Persons, ScoredVideo, annotated, pool, posetrack_ap, predicted, present_joints
from metrics.poseval import COLUMNS, JOINTS, average_precision, strictly_inside

seeds = st.integers(0, 2**32 - 1)
NOSE, HEAD_TOP, WRIST = JOINTS.index("nose"), JOINTS.index("head_top"), JOINTS.index("right_wrist")
HEAD = [0, 0, 30, 40]  # diagonal 50, head size 30: a hit is within 15 px
SQUARE = np.array([[0, 0], [100, 0], [100, 100], [0, 100]])


def person(x: float, y: float = 500, absent: tuple[int, ...] = ()) -> np.ndarray:
    """(15, 3): all joints in a column of steps of 100 px, so that no joint can hit another."""
    pose = np.stack([np.full(15, float(x)), y + 100.0 * np.arange(15), np.ones(15)], -1)
    pose[list(absent)] = 0
    return pose


def truth_of(*poses: np.ndarray, frames: tuple[int, ...] | None = None) -> Persons:
    return annotated(np.array(frames or [0] * len(poses), int), np.array(poses), np.array([HEAD] * len(poses)))


def guess(*poses: np.ndarray, score: float | list = 1.0, frames: tuple[int, ...] | None = None) -> Persons:
    poses, n = np.array(poses).reshape(-1, 15, 3), len(poses)
    scores = np.broadcast_to(np.reshape(np.asarray(score, float), (-1, 1)), (n, 15))
    return predicted(np.array(frames or [0] * n, int), poses[..., :2], scores, present_joints(poses))


def ap(truth: Persons, predictions: Persons, frames: int = 1, **options) -> np.ndarray:
    return posetrack_ap(truth, predictions, np.ones(frames, bool), **options).joints


def as_prediction(truth: Persons) -> Persons:
    return predicted(truth.frame, truth.keypoints, np.ones((len(truth), 15)), truth.present)


def test_columns_and_total_are_the_official_ones() -> None:
    """A different AP for each joint: one miss with joint-dependent rank. Total is the mean over 15 joints."""
    truth = truth_of(person(100), person(500))
    shifted = person(500)
    shifted[NOSE, 0] += 16  # beyond half a head
    result = posetrack_ap(truth, guess(person(100), shifted, score=[2, 1]), np.ones(1, bool))
    assert result.joints[NOSE] == 50
    assert result.columns["Head"] == pytest.approx((100 + 100 + 50) / 3)
    assert result.columns["Wri"] == 100
    assert result.columns["Total"] == pytest.approx((14 * 100 + 50) / 15)
    assert result.annotated.tolist() == [2] * 15
    assert sorted(j for group in COLUMNS.values() for j in group) == list(range(15))


def test_half_a_head_away_is_a_hit() -> None:
    exact, beyond = person(100), person(100)
    exact[NOSE, :2] += [9, 12]  # exactly 15 px of 30
    beyond[NOSE, :2] += [9, 12.001]
    truth = truth_of(person(100))
    assert ap(truth, guess(exact))[NOSE] == 100
    assert ap(truth, guess(beyond))[NOSE] == 0
    no_head = annotated(np.array([0]), person(100)[None], np.zeros((1, 4)))
    assert not ap(no_head, guess(person(100))).any()  # a head without extent is never hit, not even exactly


def test_ignore_regions_delete_what_is_strictly_inside_on_both_sides() -> None:
    truth, guessed = person(300), person(300)
    truth[NOSE, :2], guessed[NOSE, :2] = [50, 50], [50, 50]  # inside: neither annotated nor predicted
    truth[WRIST, :2], guessed[WRIST, :2] = [100, 50], [100, 50]  # on the border: scored
    truth[HEAD_TOP, :2], guessed[HEAD_TOP, :2] = [105, 50], [95, 50]  # annotated outside, predicted inside: missed
    result = posetrack_ap(truth_of(truth), guess(guessed), np.ones(1, bool), {0: [SQUARE]})
    assert result.annotated[[NOSE, WRIST, HEAD_TOP]].tolist() == [0, 1, 1]
    assert result.joints[[NOSE, WRIST, HEAD_TOP]].tolist() == [0, 100, 0]
    # A person whole inside costs nothing, annotated or predicted; the same region in another frame has no effect.
    inside = np.where(np.arange(3) < 2, 50.0, 1.0) * np.ones((15, 1))
    both = truth_of(person(300), inside)
    assert (ap(both, guess(person(300), score=1), ignore={0: [SQUARE]}) == 100).all()
    assert (ap(truth_of(person(300)), guess(person(300), inside, score=[1, 2]), ignore={0: [SQUARE]}) == 100).all()
    assert (ap(both, guess(person(300), score=1), frames=2, ignore={1: [SQUARE]}) == 50).all()


def test_an_unmatched_person_is_false_for_all_its_joints() -> None:
    truth, right, wrong = truth_of(person(100)), person(100), person(900)
    assert (ap(truth, guess(wrong, right, score=[2, 1])) == 50).all()  # surer than the hit: precision 1/2 there
    assert (ap(truth, guess(wrong, right, score=[1, 2])) == 100).all()  # less sure: after full recall
    # Two predictions on one person: the better one is matched, the other is false although its joints are right.
    worse = person(100)
    worse[:5, 0] += 100
    assert (ap(truth, guess(worse, right, score=[2, 1])) == 50).all()


def test_each_prediction_wants_its_best_person_only() -> None:
    """Step 6 is greedy: a prediction that loses its best person is not given another that it also hits."""
    near = person(110)  # every joint is within 15 px of both persons: the first of equals is its best
    truth = truth_of(person(100), person(120))
    # The exact one, which comes first, takes the first person; `near` is false, and the second person is missed.
    assert (ap(truth, guess(person(100), near, score=[2, 1])) == 50).all()
    # `near` comes first and takes the first person with the same share; the exact and surer one is false.
    assert (ap(truth, guess(near, person(100), score=[1, 2])) == 25).all()


def test_a_missing_person_lowers_recall() -> None:
    truth = truth_of(person(100), person(500))
    assert (ap(truth, guess(person(100))) == 50).all()
    assert (ap(truth, guess()) == 0).all()  # no prediction at all: misses only
    two = truth_of(person(100), person(500), frames=(0, 1))
    dummy = guess(person(100), person(900), score=[1, -100], frames=(0, 1))  # the kits' dummy in an empty frame
    assert (ap(two, dummy, frames=2) == ap(two, guess(person(100)), frames=2)).all()


def test_frames_without_ground_truth_never_count() -> None:
    truth = truth_of(person(100), frames=(1,))
    many = guess(person(100), person(100), person(100), score=[1, 5, 5], frames=(1, 0, 2))
    assert (ap(truth, many, frames=3) == 100).all()
    # An annotated person in a frame that is not labelled does not make it count.
    everywhere = truth_of(person(100), person(100), frames=(1, 2))
    labelled = np.array([True, True, False])
    result = posetrack_ap(everywhere, many, labelled)
    assert result.columns["Total"] == 100
    assert result.annotated.tolist() == [1] * 15
    # A person without a single joint does: its frame's predictions are false.
    empty = truth_of(person(100), person(0, absent=tuple(range(15))), frames=(0, 1))
    assert (ap(empty, guess(person(100), person(900), score=[1, 2], frames=(0, 1)), frames=2) == 50).all()


def test_absent_joints() -> None:
    truth = truth_of(person(100, absent=(NOSE,)), person(500))
    both = ap(truth, guess(person(100), person(500), score=[2, 1]))
    assert both[NOSE] == 50  # a nose where none is annotated is false, and here the surer one
    withheld = ap(truth, guess(person(100, absent=(NOSE,)), person(500), score=[2, 1]))
    assert (withheld == 100).all()
    assert ap(truth, guess(person(100), person(500, absent=(WRIST,)), score=[2, 1]))[WRIST] == 50
    corner = person(100)
    corner[NOSE] = [0, 0, 1]  # a prediction in the image's corner is a prediction
    assert present_joints(corner)[NOSE]


def test_a_joint_that_is_never_annotated() -> None:
    """Predicted: nan, its column nan, left out of the mean. Predicted nowhere: 0, and in the mean."""
    truth = truth_of(person(100, absent=(NOSE,)))
    predicted_too = posetrack_ap(truth, guess(person(100)), np.ones(1, bool)).columns
    assert np.isnan(predicted_too["Head"])
    assert predicted_too["Total"] == 100
    nowhere = posetrack_ap(truth, guess(person(100, absent=(NOSE,))), np.ones(1, bool)).columns
    assert nowhere["Head"] == pytest.approx(200 / 3)
    assert nowhere["Total"] == pytest.approx(1400 / 15)
    nothing = posetrack_ap(truth_of(person(0, absent=tuple(range(15)))), guess(person(100)), np.ones(1, bool))
    assert np.isnan(nothing.columns["Total"])


NOBODY = np.zeros((0, 15, 3))


@pytest.mark.parametrize(
    ("truth", "labelled"),
    [
        (truth_of(person(100)), [False, False]),  # no frame is labelled
        (annotated(np.zeros(0, int), NOBODY, np.zeros((0, 4))), [True, True]),  # nobody is there
        (truth_of(person(0, absent=tuple(range(15)))), [True, True]),  # somebody without a joint
        (truth_of(person(100)), []),
    ],
)
@pytest.mark.parametrize("guesses", [[], [person(100)]])
def test_where_nothing_is_labelled_there_is_no_ap(truth: Persons, labelled: list, guesses: list) -> None:
    if not labelled:
        truth, guesses = truth.rows(np.zeros(0, int)), []
    cluster, counts = np.zeros(len(labelled), int), np.ones((3, 1), int)
    result = posetrack_ap(truth, guess(*guesses), np.array(labelled, bool), resamples=(cluster, counts))
    assert np.isnan(result.joints).all()
    assert np.isnan(list(result.columns.values())).all()
    assert np.isnan(result.resampled).all()
    assert not result.annotated.any()


def test_where_no_joint_is_flagged_there_is_no_ap() -> None:
    truth = truth_of(person(100))
    assert np.isnan(ap(truth, as_prediction(truth), flags=np.zeros((1, 15), bool))).all()


def test_a_resample_without_a_labelled_frame_has_no_ap() -> None:
    truth = truth_of(person(100))
    cluster, counts = np.array([0, 1]), np.array([[1, 1], [0, 2]])
    result = posetrack_ap(truth, as_prediction(truth), np.array([True, False]), resamples=(cluster, counts))
    assert (result.resampled[0] == 100).all()
    assert np.isnan(result.resampled[1]).all()
    assert np.isnan(result.resampled_columns["Total"][1])


@given(st.integers(0, 2**32 - 1))
@examples(20)
def test_a_resample_is_scored_like_sequences_that_stand_there_so_often(seed: int) -> None:
    scenes = [ScoredVideo(*crowd(seed + i, ties=False)[:4]) for i in range(3)]
    counts = np.array([[1, 1, 1], [2, 0, 1], [0, 3, 0]])
    cluster = np.repeat(np.arange(3), [len(scene.labelled) for scene in scenes])
    found = posetrack_ap(*pool(scenes), resamples=(cluster, counts)).resampled
    for count, joints in zip(counts, found, strict=True):
        repeated = [scene for scene, times in zip(scenes, count, strict=True) for _ in range(times)]
        assert joints == pytest.approx(posetrack_ap(*pool(repeated)).joints, nan_ok=True)


def test_equal_scores_keep_the_order_of_the_file() -> None:
    truth = truth_of(person(100))
    right, wrong = person(100), person(900)
    assert (ap(truth, guess(right, wrong)) == 100).all()
    assert (ap(truth, guess(wrong, right)) == 50).all()
    scores, correct = np.array([1.0, 2, 1, 2]), np.array([True, False, False, True])
    assert average_precision(scores, correct, 2) == pytest.approx(100 * (2 / 3 + 2 / 3) / 2)  # false true true false


def test_flags_score_only_the_flagged_joints_of_matched_persons() -> None:
    truth = truth_of(person(100), person(500), person(1500))
    flags = np.zeros((3, 15), bool)
    flags[0, NOSE] = flags[1, NOSE] = flags[2, WRIST] = True
    off = person(500)
    off[NOSE, 0] += 50  # a flagged miss
    off[WRIST, 0] += 50  # an unflagged miss: left out
    guesses = guess(off, person(100), person(900), score=[2, 1, 3])  # the third is nobody: left out as a whole
    result = posetrack_ap(truth, guesses, np.ones(1, bool), flags=flags)
    assert result.annotated.tolist() == flags.sum(0).tolist()
    assert result.joints[NOSE] == pytest.approx(25)  # the surer one is wrong: recall 1/2 at precision 1/2
    assert result.joints[WRIST] == 0  # its person is not found
    # A prediction that hits no joint of the only person there stands against nobody, flagged or not.
    alone = truth_of(person(100), person(500), frames=(0, 1))
    missed = guess(person(100), person(900), score=[1, 2], frames=(0, 1))
    assert (ap(alone, missed, frames=2, flags=np.ones((2, 15), bool)) == 50).all()
    assert (ap(alone, missed, frames=2) == 25).all()
    # Flags follow their person when rows are sorted by frame and dropped with unlabelled frames.
    moved = truth_of(person(1500), person(100), person(500), frames=(2, 1, 1))
    away = guess(off, person(100), score=[2, 1], frames=(1, 1))
    result = posetrack_ap(moved, away, np.array([True, True, False]), flags=flags[[2, 0, 1]])
    assert result.joints[NOSE] == pytest.approx(25)
    assert result.annotated[WRIST] == 0


def test_sequences_are_pooled_with_their_frames_and_regions() -> None:
    one = ScoredVideo(truth_of(person(100)), guess(person(100), score=0.5), np.ones(1, bool), {})
    inside = np.where(np.arange(3) < 2, 50.0, 1.0) * np.ones((15, 1))
    two = ScoredVideo(truth_of(person(300), inside, frames=(1, 1)), guess(person(300), frames=(1,)),
                np.array([False, True]), {1: [SQUARE]})  # fmt: skip
    scene = pool([one, two, one])
    assert scene.labelled.tolist() == [True, False, True, True]
    assert scene.truth.frame.tolist() == [0, 2, 2, 3]
    assert (posetrack_ap(*scene).joints == 100).all()
    assert (posetrack_ap(*scene._replace(ignore={1: [SQUARE]})).joints == 75).all()


# The nine steps once more, a loop for every "each", for comparison.


def literal_inside(x: float, y: float, polygon: list) -> bool:
    """Even-odd rule in exact fractions; the border is outside."""
    point, crossings = (Fraction(x), Fraction(y)), 0
    corners = [(Fraction(a), Fraction(b)) for a, b in polygon]
    for (ax, ay), (bx, by) in pairwise([*corners, corners[0]]):
        turn = (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)
        if turn == 0 and min(ax, bx) <= point[0] <= max(ax, bx) and min(ay, by) <= point[1] <= max(ay, by):
            return False
        if (ay > point[1]) != (by > point[1]):
            crossings += ax + (point[1] - ay) * (bx - ax) / (by - ay) > point[0]
    return crossings % 2 == 1


def literal_ap(truth: list, guesses: list, labelled: list, ignore: dict) -> list[float]:
    """truth: (frame, {joint: (x, y)}, head size); guesses: (frame, {joint: (x, y, score)})."""
    entries, positives = {j: [] for j in range(15)}, dict.fromkeys(range(15), 0)
    for frame in range(len(labelled)):
        people = [(dict(points), head) for f, points, head in truth if f == frame]
        if not labelled[frame] or not people:
            continue
        found = [dict(points) for f, points in guesses if f == frame]
        for points in [p for p, _ in people] + found:
            for j in [j for j, p in points.items() if any(literal_inside(*p[:2], g) for g in ignore.get(frame, []))]:
                del points[j]
        hits = [[{j for j in p if j in q and np.hypot(p[j][0] - q[j][0], p[j][1] - q[j][1]) / head <= 0.5}
                 for q, head in people] for p in found]  # fmt: skip
        share = [[len(h) / max(1, len(people[i][0])) for i, h in enumerate(row)] for row in hits]
        for row in share:
            keep = row.index(max(row))
            row[:] = [value if i == keep else 0 for i, value in enumerate(row)]
        taken = {}
        for i in range(len(people)):
            column = [row[i] for row in share]
            if column and max(column) > 0:
                taken[column.index(max(column))] = i
        for k, points in enumerate(found):
            for j, (_, _, score) in points.items():
                entries[j].append((score, k in taken and j in hits[k][taken[k]]))
        for points, _ in people:
            for j in points:
                positives[j] += 1
    if not any(positives.values()):
        return [float("nan")] * 15  # poseval prints 0.0
    return [literal_curve(entries[j], positives[j]) for j in range(15)]


def literal_curve(entries: list, positives: int) -> float:
    if not entries or not positives:
        return float("nan") if entries else 0.0
    precision, recall, hits = [0.0], [0.0], 0
    for rank, (_, correct) in enumerate(sorted(entries, key=lambda e: -e[0]), 1):
        hits += correct
        precision.append(hits / rank)
        recall.append(hits / positives)
    precision, recall = [*precision, 0.0], [*recall, 1.0]
    area = 0.0
    for i in range(1, len(recall)):
        area += (recall[i] - recall[i - 1]) * max(precision[i:])
    return 100 * area


def crowd(seed: int, ties: bool) -> tuple[Persons, Persons, np.ndarray, dict, list, list]:
    """A small random world on a coarse grid, so that borders, boundaries and equal shares happen; and its lists."""
    rng = np.random.default_rng(seed)
    frames, people, found = 4, rng.integers(0, 9), rng.integers(0, 12)
    poses = np.concatenate([rng.integers(1, 12, (people, 15, 2)), rng.random((people, 15, 1)) > 0.2], -1)
    poses = np.where(poses[..., 2:] > 0, poses, 0)
    heads = np.array([[0, 0, 3, 4], [0, 0, 6, 8]])[rng.integers(0, 2, people)] * 2
    where = rng.integers(0, frames, people)
    source = rng.integers(0, people, found) if people else np.zeros(found, int)
    near = poses[source, :, :2] + rng.integers(-4, 5, (found, 15, 2)) if people else np.ones((found, 15, 2))
    seen = rng.random((found, 15)) > 0.15
    frame = np.where(rng.random(found) < 0.8, where[source], rng.integers(0, frames, found)) if people else source
    scores = rng.integers(0, 4, (found, 15)) / 2 if ties else rng.permutation(found * 15).reshape(found, 15) / 7.0
    labelled = rng.random(frames) < 0.8
    ignore = {int(f): [rng.integers(0, 12, (4, 2))] for f in rng.integers(0, frames, 2)}
    listed = [(where[i], {j: tuple(poses[i, j, :2]) for j in range(15) if poses[i, j].any()},
               0.6 * np.hypot(*(heads[i, 2:] - heads[i, :2]))) for i in range(people)]  # fmt: skip
    guessed = [(frame[i], {j: (*near[i, j], scores[i, j]) for j in range(15) if seen[i, j]}) for i in range(found)]
    truth, guesses = annotated(where, poses, heads), predicted(frame, near, scores, seen)
    return truth, guesses, labelled, ignore, listed, guessed


@examples(150)
@given(seeds, st.booleans())
def test_equals_a_literal_version_of_the_nine_steps(seed: int, ties: bool) -> None:
    truth, guesses, labelled, ignore, listed, guessed = crowd(seed, ties)
    expected = literal_ap(listed, guessed, labelled.tolist(), {f: [p.tolist() for p in g] for f, g in ignore.items()})
    np.testing.assert_allclose(posetrack_ap(truth, guesses, labelled, ignore).joints, expected, atol=1e-9)


@examples(50)
@given(seeds)
def test_ground_truth_against_itself_is_100(seed: int) -> None:
    rng = np.random.default_rng(seed)
    where = rng.integers(0, 5, 12)
    poses = np.stack([person(100 * k) for k in range(12)])
    poses[rng.random((12, 15)) < 0.3] = 0
    poses[0] = person(0)  # every joint is annotated somewhere
    truth = annotated(where, poses, np.array([HEAD] * 12))
    assert (ap(truth, as_prediction(truth), frames=5) == 100).all()


@examples(50)
@given(seeds)
def test_the_order_of_persons_does_not_matter_without_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    where, x = rng.integers(0, 4, 10), 100 * np.arange(10)
    truth = annotated(where, np.stack([person(v) for v in x]), np.array([HEAD] * 10))
    noisy = np.stack([person(v) for v in x]) + rng.normal(0, 12, (10, 15, 3))  # a person hits its own or nobody
    guesses = predicted(where, noisy[..., :2], rng.permutation(150).reshape(10, 15) / 150)
    shuffled = ap(truth.rows(rng.permutation(10)), guesses.rows(rng.permutation(10)), frames=4)
    np.testing.assert_allclose(shuffled, ap(truth, guesses, frames=4), atol=1e-9)


@examples(50)
@given(seeds)
def test_a_false_person_never_raises_ap(seed: int) -> None:
    truth, guesses, labelled, ignore, _, _ = crowd(seed, False)
    if not len(guesses):
        return
    nobody = predicted(
        np.array([0]), np.full((1, 15, 2), 900.0), np.full((1, 15), np.random.default_rng(seed).random())
    )
    more = Persons(*(np.concatenate([getattr(guesses, f), getattr(nobody, f)])
                     for f in ("frame", "keypoints", "present", "scores")))  # fmt: skip
    before, after = (posetrack_ap(truth, p, labelled, ignore).joints for p in (guesses, more))
    assert (np.nan_to_num(after) <= np.nan_to_num(before) + 1e-9).all()


@examples(200)
@given(seeds)
def test_inside_is_exact_and_the_border_is_outside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    polygon, points = rng.integers(0, 6, (rng.integers(3, 8), 2)), rng.integers(0, 6, (10, 2))
    expected = [literal_inside(*point, polygon.tolist()) for point in points.tolist()]
    assert strictly_inside(points, polygon).tolist() == expected


@pytest.mark.slow
def test_a_whole_validation_set() -> None:
    """About PoseTrack18's size, 8,000 frames and 60,000 persons; exact poses score 100, and noise does not."""
    rng = np.random.default_rng(0)
    frames, n = 8000, 60000
    where = rng.integers(0, frames, n)
    poses = np.concatenate([rng.uniform(0, 1900, (n, 1, 2)) + rng.normal(0, 60, (n, 15, 2)), np.ones((n, 15, 1))], -1)
    poses[rng.random((n, 15)) < 0.15] = 0
    truth = annotated(where, poses, np.tile([0, 0, 30, 40], (n, 1)))
    ignore = {f: [rng.uniform(0, 1900, (1, 2)) + rng.normal(0, 90, (6, 2))] for f in range(0, frames, 2)}
    assert (posetrack_ap(truth, as_prediction(truth), np.ones(frames, bool), ignore).joints == 100).all()
    noisy = predicted(where, poses[..., :2] + rng.normal(0, 12, (n, 15, 2)), rng.random((n, 15)), truth.present)
    assert 10 < posetrack_ap(truth, noisy, np.ones(frames, bool), ignore).columns["Total"] < 90


@pytest.mark.shared
def test_genuine_annotations_against_themselves(shared) -> None:
    """PoseTrack18's own files, 17 slots: ears dropped, the rest in poseval's order."""
    slots = [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, 1, 0, 2]
    files = sorted((shared / "fixtures/mmpose/posetrack18/annotations/val").glob("*.json"))
    assert len(files) == 2
    scenes = []
    for file in files:
        content = json.loads(file.read_text())
        people = content["annotations"]
        poses = np.array([p["keypoints"] for p in people], float).reshape(-1, 17, 3)[:, slots]
        heads = np.array([p["bbox_head"] for p in people], float)
        heads[:, 2:] += heads[:, :2]
        image = content["images"][0]
        regions = zip(image.get("ignore_regions_x", []), image.get("ignore_regions_y", []), strict=True)
        truth = annotated(np.zeros(len(people), int), poses, heads)
        scenes.append(
            ScoredVideo(truth, as_prediction(truth), np.ones(1, bool), {0: [np.stack(r, -1) for r in regions]})
        )
        result = posetrack_ap(*scenes[-1])
        assert (result.joints[result.annotated > 0] == 100).all()
    assert posetrack_ap(*pool(scenes)).columns == dict.fromkeys([*COLUMNS, "Total"], 100)


def test_bad_input_ends_in_one_line() -> None:
    truth, guesses, labelled = truth_of(person(100)), guess(person(100)), np.ones(1, bool)
    broken = person(100)[None]
    broken[0, 3, 0] = np.nan
    with pytest.raises(InputError, match=r"keypoints of person 0 is NaN"):
        annotated(np.array([0]), broken, np.array([HEAD]))
    with pytest.raises(InputError, match=r"scores of person 0 is NaN"):
        predicted(np.array([0]), person(100)[None, :, :2], np.full((1, 15), np.nan))
    silent = np.where(np.arange(15) == NOSE, np.nan, 1.0)[None]  # an absent joint's score is never looked at
    assert len(predicted(np.array([0]), person(100)[None, :, :2], silent, np.isfinite(silent))) == 1
    with pytest.raises(InputError, match=r"keypoints has shape \(1, 14, 3\)"):
        annotated(np.array([0]), person(100)[None, :14], np.array([HEAD]))
    with pytest.raises(InputError, match=r"whole numbers"):
        annotated(np.array([0.5]), person(100)[None], np.array([HEAD]))
    with pytest.raises(InputError, match=r"frame 0 is no polygon"):
        posetrack_ap(truth, guesses, labelled, {0: [np.zeros((2, 2))]})
    with pytest.raises(InputError, match=r"name frame 5, but there are only 1"):
        posetrack_ap(truth, guess(person(100), frames=(5,)), labelled)
    with pytest.raises(InputError, match=r"no scores"):
        posetrack_ap(truth, truth, labelled)
    with pytest.raises(InputError, match=r"no head sizes"):
        posetrack_ap(guesses, guesses, labelled)
    with pytest.raises(InputError, match=r"flags has shape"):
        posetrack_ap(truth, guesses, labelled, flags=np.ones((2, 15), bool))
    with pytest.raises(InputError, match=r"no sequences"):
        pool([])
