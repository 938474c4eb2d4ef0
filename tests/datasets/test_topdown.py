"""Samples of the top-down pipeline: the target lies on the joint, whatever was drawn; windows, boxes, bad files."""

from collections import Counter
from pathlib import Path
from statistics import NormalDist

import cv2
import numpy as np
import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st

import datasets.video.instances as topdown
from base.errors import InputError
from datasets.video.augment import NORMAL, Augmentation, drawn
from datasets.video.crop import MEAN, STD, rescale
from datasets.video.heatmaps import decode, mirrored
from datasets.video.instances import (
    DETECTOR,
    GROUND_TRUTH,
    Shape,
    TopDown,
    detector_boxes,
    ground_truth_boxes,
    joined,
    window,
)
from datasets.video.joints import CHANNELS, POSETRACK, neck_between_shoulders
from metrics.keypoints import annotated, posetrack_ap, predicted

STILL = Augmentation(rotation_chance=0, scale=0, half_body_chance=0, flip_chance=0)
FRAMES = 7
NOSE = POSETRACK.names.index("nose")


def colour(joint: int) -> np.ndarray:
    """RGB of a joint's dot, far from every other's."""
    return np.array([120 + 120 * (joint % 2), 30 + 50 * (joint // 2 % 4), 60 + 170 * (joint // 8)])


def body() -> np.ndarray:
    """(15, 3) key points on a grid of 44 px, in an image of 400 x 300."""
    grid = np.stack([150 + 44.0 * (np.arange(15) % 3), 50 + 44.0 * (np.arange(15) // 3)], -1)
    return np.concatenate([grid, np.ones((15, 1))], -1)


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> list[list[Path]]:
    """Two sequences of seven images: coloured dots at the joints, on a grey that tells sequence and frame."""
    folder, films = tmp_path_factory.mktemp("films"), []
    for s in range(2):
        films.append([folder / f"{s}-{f}.png" for f in range(FRAMES)])
        for f, path in enumerate(films[-1]):
            image = np.full((300, 400, 3), 5 + 2 * f + 30 * s, np.uint8)
            for j, (x, y, _) in enumerate(body()):
                cv2.circle(image, (int(x), int(y)), 9, colour(j).tolist(), -1)
            cv2.imwrite(str(path), image[..., ::-1])
    return films


def instances(frames: tuple[int, ...] = (3,), sequence: int = 0, keypoints: np.ndarray | None = None):
    pose = body() if keypoints is None else keypoints
    n = len(frames)
    return ground_truth_boxes(
        sequence, np.array(frames), np.tile([130.0, 30, 130, 220], (n, 1)), np.tile(pose, (n, 1, 1))
    )


def pixels(clip: np.ndarray) -> np.ndarray:
    """(T, 3, H, W) normalised -> (T, H, W, 3) 0 to 255."""
    return 255 * (clip.transpose(0, 2, 3, 1) * STD + MEAN)


@examples(20)
@given(st.integers(0, 10**6))
def test_targets_lie_on_the_joints_in_every_frame(films, step: int) -> None:
    """Every target peak has the colour of its joint, or of the joint on the other side in a mirrored crop."""
    data = TopDown(films, instances(), POSETRACK)
    always = Augmentation(rotation_chance=1, half_body_chance=0.5)
    clip, places, present, matrix = data.sample(0, 1, step, always)
    mirror = np.linalg.det(matrix[:, :2]) < 0
    target, weight = (made[0] for made in data.targets(places[None], present[None]))
    places = rescale(decode(target)[0], data.shape.heatmap, data.shape.image).round().astype(int)
    assert weight.any()
    for j in np.flatnonzero(weight):
        shown = colour(POSETRACK.flip[j] if mirror else j)
        x, y = places[j]
        seen = pixels(clip)[:, y, x]  # (T, 3): the same place in all frames
        assert np.abs(seen - shown).max() < 12, (POSETRACK.names[j], mirror)


def test_a_sample_depends_on_seed_step_and_index_alone(films) -> None:
    data = TopDown(films, instances((1, 3, 5)), POSETRACK, Shape(48, 64))
    draws = Augmentation()
    first = data.batch([0, 1, 2], 7, 11, draws)
    assert first.clip.shape == (3, 5, 3, 64, 48)
    target, weight = data.targets(first.places, first.present)
    assert first.clip.dtype == target.dtype == weight.dtype == np.float32
    assert target.shape == (3, 15, 16, 12)
    again = TopDown(films, instances((1, 3, 5)), POSETRACK, Shape(48, 64), cache=1).batch([2, 0], 7, 11, draws)
    for new, old in zip(again, first, strict=True):
        np.testing.assert_array_equal(new, old[[2, 0]])
    for other in (data.sample(0, 7, 12, draws), data.sample(0, 8, 11, draws), data.sample(1, 7, 11, draws)):
        assert not np.array_equal(other.matrix, first.matrix[0])  # all three instances have the same box
    plain = data.sample(0, 7, 11)
    np.testing.assert_array_equal(plain.clip, data.clip(0)[0])


def test_flipping_twice_is_the_identity(films) -> None:
    data = TopDown(films, instances(), POSETRACK)
    plain = data.sample(0, 0, 0, STILL)
    flipped = data.sample(0, 0, 0, Augmentation(rotation_chance=0, scale=0, half_body_chance=0, flip_chance=1))
    np.testing.assert_allclose(flipped.clip[..., ::-1], plain.clip, atol=1.01 / 255 / STD.min())
    (target, other), weights = data.targets(*(np.stack(pair) for pair in zip(plain[1:3], flipped[1:3], strict=True)))
    np.testing.assert_allclose(decode(mirrored(other, POSETRACK.flip))[0], decode(target)[0], atol=1e-6)
    np.testing.assert_array_equal(weights[1][POSETRACK.flip], weights[0])


def test_windows_are_clamped_at_the_ends(films) -> None:
    assert window(0, 7).tolist() == [0, 0, 0, 1, 2]
    assert window(6, 7, 3).tolist() == [5, 6, 6]
    assert window(1, 2).tolist() == [0, 0, 1, 1, 1]  # a video shorter than the window
    assert window(0, 1, 1).tolist() == [0]
    # As FAMI-Pose's released code: the key frame for what is missing before it, behind what is there.
    assert window(1, 7, early="key").tolist() == [0, 1, 1, 2, 3]
    assert window(0, 7, early="key").tolist() == [0, 0, 0, 1, 2]
    assert window(5, 7, early="key").tolist() == [3, 4, 5, 6, 6]
    assert window(6, 7, early="key").tolist() == [4, 5, 6, 6, 6]
    greys = pixels(TopDown(films, instances((0, 6)), POSETRACK).clip(0)[0])[:, 20, 5, 0]
    np.testing.assert_allclose(greys, [5, 5, 5, 7, 9], atol=0.1)
    with pytest.raises(InputError, match="odd number"):
        TopDown(films, instances(), POSETRACK, frames=4)
    with pytest.raises(InputError, match="outside of a video"):
        window(7, 7)


def test_neighbours_can_be_copies_or_strangers(films) -> None:
    def greys(neighbours: str) -> np.ndarray:
        return pixels(TopDown(films, instances((3,)), POSETRACK, neighbours=neighbours).clip(0)[0])[:, 20, 5, 0]

    np.testing.assert_allclose(greys("real"), [7, 9, 11, 13, 15], atol=0.1)
    np.testing.assert_allclose(greys("copies"), [11] * 5, atol=0.1)
    shuffled = greys("shuffled")
    assert shuffled[2] == pytest.approx(11, abs=0.1)
    assert (np.delete(shuffled, 2) > 30).all()  # the other sequence
    np.testing.assert_array_equal(shuffled, greys("shuffled"))
    with pytest.raises(InputError, match="at least two sequences"):
        TopDown(films[:1], instances(), POSETRACK, neighbours="shuffled")
    with pytest.raises(InputError, match="'none', expected one of real"):
        TopDown(films, instances(), POSETRACK, neighbours="none")


def test_each_image_is_decoded_once_in_order(films, monkeypatch) -> None:
    reads = Counter()

    def counting(path: Path) -> np.ndarray:
        reads[path] += 1
        return np.zeros((300, 400, 3), np.uint8)

    monkeypatch.setattr(topdown, "read_image", counting)
    frames = tuple(sorted(2 * list(range(FRAMES))))  # two persons a frame
    data = TopDown(films, joined([instances(frames), instances(frames, 1)]), POSETRACK, Shape(24, 32), cache=6)
    for index in range(len(data)):
        data.clip(index)
    assert set(reads.values()) == {1}
    assert len(reads) == 2 * FRAMES


def test_half_bodies_need_more_than_eight_joints() -> None:
    always = Augmentation(rotation_chance=0, scale=0, half_body_chance=1, flip_chance=0)
    joints, upper = body()[:, :2], POSETRACK.upper
    center, size = np.array([200.0, 150]), np.array([150.0, 200])
    seen = set()
    for seed in range(20):
        draw = drawn(always, np.random.default_rng(seed), center, size, joints, upper)
        half = [side for side in (upper, ~upper) if np.allclose(draw.center, joints[side].mean(0))]
        assert len(half) == 1
        assert draw.size[0] / draw.size[1] == pytest.approx(0.75)
        assert (draw.size >= 1.5 * np.ptp(joints[half[0]], axis=0) - 1e-9).all()
        seen.add(bool(half[0][-1]))
    assert seen == {True, False}
    few = drawn(always, np.random.default_rng(0), center, size, joints[:8], upper[:8])
    assert few.center is center
    # Two lower joints are too few: always the upper half.
    most = np.flatnonzero(upper | (np.arange(15) < 2))
    for seed in range(10):
        draw = drawn(always, np.random.default_rng(seed), center, size, joints[most], upper[most])
        np.testing.assert_allclose(draw.center, joints[upper].mean(0))


def test_draws_have_the_stated_ranges_and_rates() -> None:
    center, size = np.array([200.0, 150]), np.array([150.0, 200])
    draws = [drawn(Augmentation(), np.random.default_rng(s), center, size, body()[:8, :2], POSETRACK.upper[:8])
             for s in range(3000)]  # fmt: skip
    rotation = np.array([d.rotation for d in draws])
    scale = np.array([d.size[0] / 150 for d in draws])
    assert np.mean(rotation != 0) == pytest.approx(0.6, abs=0.03)
    assert np.mean([d.mirror for d in draws]) == pytest.approx(0.5, abs=0.03)
    for values, low, high in ((rotation, -45, 45), (scale, 0.65, 1.35)):
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high
    no_flip = drawn(Augmentation(flip_chance=0), np.random.default_rng(4), center, size, body()[:8, :2],
                    POSETRACK.upper[:8])  # fmt: skip
    assert (no_flip.rotation, no_flip.size.tolist()) == (draws[4].rotation, draws[4].size.tolist())


def test_released_draws_are_normal_and_cut_off() -> None:
    """The peers' spec, 3.2: clip(1 + 0.35 N, 0.65, 1.35), clip(45 N, +-90), an upper body where N < 0.5."""
    released = Augmentation(rotation_chance=1, half_body_chance=0, spread=NORMAL)
    center, size = np.array([200.0, 150]), np.array([150.0, 200])
    draws = [drawn(released, np.random.default_rng(s), center, size, body()[:, :2], POSETRACK.upper)
             for s in range(3000)]  # fmt: skip
    rotation, scale = np.array([d.rotation for d in draws]), np.array([d.size[0] / 150 for d in draws])
    one, two = 2 * NormalDist().cdf(-1), 2 * NormalDist().cdf(-2)
    assert np.mean(np.abs(rotation) == 90) == pytest.approx(two, abs=0.02)
    assert np.mean(np.abs(rotation) > 45) == pytest.approx(one, abs=0.03)
    assert np.mean(np.isclose(np.abs(scale - 1), 0.35)) == pytest.approx(one, abs=0.03)
    assert (np.abs(rotation).max(), scale.min(), scale.max()) == pytest.approx((90, 0.65, 1.35))
    halves = Augmentation(rotation_chance=0, scale=0, half_body_chance=1, flip_chance=0, spread=NORMAL)
    upper = [np.allclose(drawn(halves, np.random.default_rng(s), center, size, body()[:, :2], POSETRACK.upper).center,
                         body()[POSETRACK.upper, :2].mean(0)) for s in range(3000)]  # fmt: skip
    assert np.mean(upper) == pytest.approx(NormalDist().cdf(0.5), abs=0.03)
    assert released.deviation(0.0, 2) == -2


def test_boxes_say_where_they_come_from_and_never_mix(films) -> None:
    truth = instances((1, 2))
    found = detector_boxes(1, np.array([0, 1, 2]), np.tile([10.0, 10, 50, 90], (3, 1)), np.array([0.1, 0.2, 0.9]))
    assert (truth.boxes_from, found.boxes_from) == (GROUND_TRUTH, DETECTOR)
    assert found.frame.tolist() == [1, 2]
    assert found.score.tolist() == [0.2, 0.9]
    assert truth.score.tolist() == [1, 1]
    with pytest.raises(InputError, match="from one source, got detector boxes and ground-truth boxes"):
        joined([truth, found])
    with pytest.raises(InputError, match="train on ground-truth boxes"):
        TopDown(films, found, POSETRACK).sample(0, 0, 0)
    both = joined([instances((1,)), instances((4,), 1)])
    assert both.sequence.tolist() == [0, 1]
    assert both.keypoints.shape == (2, 15, 3)
    nobody = body() * 0
    assert len(instances((3,), keypoints=nobody)) == 0  # a box without joints teaches and scores nothing


def test_no_boxes_mean_missed_persons_only(films) -> None:
    none = detector_boxes(0, np.zeros(0, int), np.zeros((0, 4)), np.zeros(0))
    data = TopDown(films, joined([none, none]), POSETRACK)
    assert len(data) == 0
    joints, scores = data.located([], np.zeros((0, 15, 64, 48), np.float32))
    truth = annotated(np.array([3]), body()[None], np.array([[0, 0, 30, 40]]))
    result = posetrack_ap(truth, predicted(none.frame, joints, scores), np.ones(FRAMES, bool))
    assert result.columns["Total"] == 0
    assert result.annotated.sum() == 15


def test_perfect_heatmaps_score_100(films) -> None:
    """The whole way: boxes, crops, targets taken as answers, decoding, image pixels, PoseTrack's AP."""
    frames = (1, 3, 6)
    data = TopDown(films, instances(frames), POSETRACK)
    batch = data.batch(range(3), 0, 0)
    np.testing.assert_array_equal(data.clips(range(3)), batch.clip)
    joints, scores = data.located(range(3), data.targets(batch.places, batch.present)[0])
    stride = data.size[0] / (np.array(data.shape.heatmap) - 1)
    assert (np.abs(joints - body()[:, :2]) <= 0.3 * stride).all()
    truth = annotated(np.array(frames), np.tile(body(), (3, 1, 1)), np.tile([0, 0, 30, 40], (3, 1)))
    result = posetrack_ap(truth, predicted(data.instances.frame, joints, scores), np.ones(FRAMES, bool))
    assert (result.joints == 100).all()


def test_a_joints_score_is_its_maximum_times_the_boxes(films) -> None:
    found = detector_boxes(0, np.array([1, 2]), np.tile([10.0, 10, 50, 90], (2, 1)), np.array([0.5, 0.8]))
    data = TopDown(films, found, POSETRACK)
    heatmaps = np.full((1, 15, 64, 48), 0.25)
    _, scores = data.located([1], heatmaps)
    np.testing.assert_allclose(scores, 0.2)


def test_places_score_100_as_well(films) -> None:
    """A network that answers with places and scores, in PoseTrack's 17 channels, goes the same way."""
    frames = (1, 3, 6)
    data = TopDown(films, instances(frames), POSETRACK)
    batch = data.batch(range(3), 0, 0)
    places = rescale(batch.places, data.shape.heatmap, data.shape.image) / np.array(data.shape.image)
    answers = np.zeros((3, 17, 3))
    for j, name in enumerate(POSETRACK.names):
        answers[:, CHANNELS.index(name)] = np.concatenate([places[:, j], np.full((3, 1), 0.9)], -1)
    joints, scores = data.located(range(3), answers)
    np.testing.assert_allclose(joints, np.tile(body()[:, :2], (3, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(scores, 0.9)
    drawn, _ = data.targets(batch.places, batch.present)
    np.testing.assert_allclose(data.pictured(answers), 0.9 * drawn, atol=1e-6)
    with pytest.raises(InputError, match="a place has NaN or infinite values"):
        data.located(range(3), answers * np.nan)


def person_at(films, place: tuple[float, float], pixels: str) -> TopDown:
    """A person whose box has its centre at (60, 100), all of whose joints are at one place."""
    keypoints = np.tile([*place, 1.0], (1, 15, 1))
    box = np.array([[10.0, 10, 100, 180]])
    person = ground_truth_boxes(0, np.array([1]), box, keypoints)
    return TopDown(films, joined([person]), POSETRACK, Shape(288, 384, sigma=3, pixels=pixels))


PLACES = ((60.0, 100.0), (40.0, 70.0), (85.3, 140.7))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("pixels", ["centres", "corners"])
def test_in_a_pure_convention_what_is_taught_is_what_is_read(films, place, pixels) -> None:
    """Up to the pixel of the heatmap about which a Gaussian lies, and the quarter of one by which it is read."""
    data = person_at(films, place, pixels)
    sample = data.batch([0], 0, 0)
    read = data.located([0], data.targets(sample.places, sample.present)[0])[0][0, 0]
    assert (np.abs(read - place) <= 0.75 * data.size[0] / np.array(data.shape.heatmap)).all()


@pytest.mark.parametrize("pixels", ["centres", "corners", "mixed"])
def test_cut_by_one_convention_and_read_by_another_all_is_half_a_pixel_off(films, pixels) -> None:
    """FAMI-Pose's released code: exactly half a crop pixel at a person's centre; boxes are a pixel shorter there."""
    for place in PLACES:
        data, answers = person_at(films, place, pixels), np.zeros((1, 17, 3))
        answers[0, :, :2] = data.fractions(data.batch([0], 0, 0).places)[0, 0]
        crop, size, away = np.array(data.shape.image), data.size[0], np.array(place) - PLACES[0]
        off = (data.located([0], answers)[0][0, 0] - place) * crop / size
        mixed = away * (crop - 1) / (size - 1) - away * crop / size - 0.5
        np.testing.assert_allclose(off, mixed if pixels == "mixed" else 0, atol=1e-9)


@pytest.mark.parametrize("pixels", ["centres", "corners", "mixed"])
def test_a_mirrored_crop_has_the_boxs_centre_in_its_own_place(films, pixels) -> None:
    """As where the image is mirrored before the cut; image and joints go the same way."""
    data = person_at(films, PLACES[0], pixels)
    mirrored_crop = Augmentation(rotation_chance=0, scale=0, half_body_chance=0, flip_chance=1)
    plain, flipped = data.sample(0, 0, 0, STILL), data.sample(0, 0, 0, mirrored_crop)
    np.testing.assert_allclose(flipped.places, plain.places)
    assert np.linalg.det(flipped.matrix[:, :2]) < 0


def test_channels_that_are_no_joints_are_left_out(films) -> None:
    data = TopDown(films, instances((1,)), POSETRACK)
    heatmaps = np.random.default_rng(0).random((1, 17, 64, 48))
    chosen = heatmaps[:, [CHANNELS.index(name) for name in POSETRACK.names]]
    for with_all, alone in zip(data.located([0], heatmaps), data.located([0], chosen), strict=True):
        np.testing.assert_array_equal(with_all, alone)
    np.testing.assert_array_equal(data.pictured(heatmaps), chosen)
    with pytest.raises(InputError, match="the network answers with 16 joints, the data have 15"):
        data.located([0], heatmaps[:, :16])


def test_channels_are_those_of_the_peers() -> None:
    assert [CHANNELS.index(name) for name in ("head_bottom", "head_top", "left_ear", "right_ankle")] == [1, 2, 3, 16]
    left = [name.startswith("left") for name in CHANNELS[3:]]
    assert left == [True, False] * 7


def test_a_neck_between_the_shoulders_changes_one_joint() -> None:
    draw = np.random.default_rng(1)
    joints, scores = draw.random((4, 15, 2)), draw.random((4, 15))
    moved, marked = neck_between_shoulders(joints, scores)
    neck, left, right = (POSETRACK.names.index(name) for name in ("head_bottom", "left_shoulder", "right_shoulder"))
    np.testing.assert_allclose(moved[:, neck], (joints[:, left] + joints[:, right]) / 2)
    np.testing.assert_allclose(marked[:, neck], (scores[:, left] + scores[:, right]) / 2)
    others = np.arange(15) != neck
    np.testing.assert_array_equal(moved[:, others], joints[:, others])
    np.testing.assert_array_equal(marked[:, others], scores[:, others])


def test_a_neck_between_the_shoulders_is_scored_as_another_joint_alone(films) -> None:
    data = TopDown(films, instances((1,)), POSETRACK)
    joints, scores = np.tile(body()[:, :2], (1, 1, 1)), np.ones((1, 15))
    truth = annotated(np.array([1]), body()[None], np.array([[0, 0, 30, 40]]))
    results = []
    for answer in ((joints, scores), neck_between_shoulders(joints, scores)):
        guesses = predicted(data.instances.frame, *answer)
        results.append(posetrack_ap(truth, guesses, np.ones(FRAMES, bool)).joints)
    neck = POSETRACK.names.index("head_bottom")
    assert np.flatnonzero(results[0] != results[1]).tolist() == [neck]


def test_bad_files_and_entries_end_in_one_line(films, tmp_path) -> None:
    whole = cv2.imencode(".jpg", np.full((300, 400, 3), 90, np.uint8))[1].tobytes()
    cut, missing = tmp_path / "cut.jpg", tmp_path / "missing.jpg"
    cut.write_bytes(whole[: len(whole) // 2])
    for path in (cut, missing):
        data = TopDown([[path]], instances((0,)), POSETRACK)
        with pytest.raises(InputError, match=path.name) as caught:
            data.clip(0)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="instance 0 names image 7 of sequence 0"):
        TopDown(films, instances((7,)), POSETRACK)
    broken = body()
    broken[NOSE, 0] = np.nan
    with pytest.raises(InputError, match="sequence 0: key points have NaN"):
        instances(keypoints=broken)
    with pytest.raises(InputError, match="sequence 4, detector boxes: box 0"):
        detector_boxes(4, np.array([0]), np.array([[0, 0, 0, 5]]), np.ones(1))
    with pytest.raises(InputError, match="scores have NaN"):
        detector_boxes(4, np.array([0]), np.array([[0, 0, 5, 5]]), np.array([np.nan]))
    with pytest.raises(InputError, match="got no sequence"):
        joined([])
