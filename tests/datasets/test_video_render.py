"""The rendered benchmark: geometry that agrees with its pictures, rules of labelling, the same every time."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from datasets.motion.asf import forward_kinematics, read_amc, read_asf
from datasets.motion.cmu import SPLITS
from datasets.rendered import prepare, raster
from datasets.rendered.camera import HandheldCamera, handheld
from datasets.rendered.film import film
from datasets.rendered.labels import annotate, detections, head_box, joint_flags, labelled_frames, lasting
from datasets.rendered.motions import CROWN, HEAD, NOSE, POINTS, at_times, synthetic_motion, window, with_face
from datasets.rendered.prepare import prepare_video
from datasets.rendered.scenery import X, Y, Z, paint
from datasets.rendered.scenes import Difficulty, Format, Scene, draw_scene
from datasets.video.annotations import BLURRED, DROPPED, OCCLUDED
from datasets.video.boxes import read_boxes
from datasets.video.images import read_image
from datasets.video.posetrack import read_sequence

CLEAR = Difficulty(defocus=0, dropout=0, flicker=0, noise=(0, 0), quality=(95, 95), camouflage=0, passing=0, standing=0)
TINY = {"train": 2, "val": 1, "frames": 6, "size": [128, 96], "middle": 4}


def _cast(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    steps = 60
    first = int(rng.integers(1000))
    return [window(synthetic_motion(0, first + i, steps), steps, rng) for i in range(count)]


def _scene(number: int, difficulty: Difficulty = CLEAR) -> Scene:
    return draw_scene(number, 0, Format((320, 240), 8), difficulty, _cast)


# ------------------------------------------------------------------------------------------------ motion and camera


def test_nose_and_crown_are_fixed_to_the_head() -> None:
    points = synthetic_motion(0, 5, 40)
    assert points.shape == (40, POINTS, 3)
    middle = (points[:, 9] + points[:, HEAD]) / 2
    for a, b, length in ((points[:, NOSE], middle, 0.09), (points[:, CROWN], points[:, HEAD], 0.09)):
        np.testing.assert_allclose(np.linalg.norm(a - b, axis=1), length)
    upright, ahead = points[:, HEAD] - points[:, 9], points[:, NOSE] - middle
    np.testing.assert_allclose((upright * ahead).sum(1), 0, atol=1e-12)


@pytest.mark.shared
def test_a_cmu_skeleton_looks_where_it_walks(shared: Path) -> None:
    folder = shared / "data/cmu/subjects/02"
    skeleton = read_asf(folder / "02.asf")
    faced = with_face(skeleton)
    points = forward_kinematics(faced, read_amc(folder / "02_01.amc", skeleton))
    np.testing.assert_array_equal(
        points[:, : len(skeleton.points)], forward_kinematics(skeleton, read_amc(folder / "02_01.amc", skeleton))
    )
    at = {name: points[:, i] for i, name in enumerate(faced.points)}
    middle = (at["upperneck"] + at["head"]) / 2
    np.testing.assert_allclose(np.linalg.norm(at["nose"] - middle, axis=1), 0.09, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(at["crown"] - at["head"], axis=1), 0.09, atol=1e-9)
    walk = at["root"][-1] - at["root"][0]
    assert ((at["nose"] - middle) @ (walk / np.linalg.norm(walk)) > 0.06).all()


@pytest.mark.shared
def test_a_skeleton_without_a_head(shared: Path) -> None:
    skeleton = read_asf(shared / "data/cmu/subjects/02/02.asf")
    with pytest.raises(InputError, match="no bone named 'head'"):
        with_face(replace(skeleton, bones={k: v for k, v in skeleton.bones.items() if k != "head"}))


def test_motion_between_steps() -> None:
    steps = np.linspace(0, 1, 40)[:, None, None] * np.ones((POINTS, 3))
    smooth = np.sin(3 * steps)
    times = np.array([[2.0, 2.5], [7.25, 30.0]])
    np.testing.assert_allclose(at_times(smooth, times)[..., 0, 0], np.sin(3 * times / 39), atol=2e-5)
    np.testing.assert_array_equal(at_times(smooth, np.array([4.0, 5.0])), smooth[4:6])


def test_scenery_moves_as_its_planes_do() -> None:
    """A spot painted on the wall and one on the floor turn up where the moved camera projects them."""
    rng = np.random.default_rng(3)
    camera = HandheldCamera((320, 240), 330.0, 1.4, 0.12, handheld(rng, 1.0))
    for point in (np.array([[0.4, 9.0, 1.2]]), np.array([[-0.3, 5.0, 0.0]])):
        scenery = paint(camera.rest(), 9.0, rng)
        margin = (np.array(scenery.painting.shape[1::-1]) - camera.size) / 2
        u, v = (camera.rest().project(camera.rest().to_camera(point))[0] + margin).round().astype(int)
        scenery.painting[:] = 0
        scenery.painting[v - 2 : v + 3, u - 2 : u + 3] = 255
        moved = []
        for time in (0.0, 17.0, 33.0):
            view = camera.at(np.array(time))
            rows, columns = np.nonzero(scenery.seen(view)[..., 0] > 100)
            seen = view.project(view.to_camera(point))[0]
            np.testing.assert_allclose([columns.mean(), rows.mean()], seen, atol=1.0)
            moved.append(seen)
        assert np.ptp(moved, axis=0).max() > 2  # the camera did move


def test_planes_and_points_agree() -> None:
    camera = HandheldCamera((320, 240), 300.0, 1.2, 0.1, handheld(np.random.default_rng(0), 1.0))
    view = camera.at(np.array([0.0, 5.0]))
    for origin, along, up in ((7 * Y, X, Z), (np.zeros(3), X, Y)):
        a, b = 0.7, 2.5
        u, v, w = np.moveaxis(view.plane(origin, along, up) @ [a, b, 1.0], -1, 0)
        seen = view.project(view.to_camera((origin + a * along + b * up)[None]))[:, 0]
        np.testing.assert_allclose(np.stack([u / w, v / w], -1), seen, atol=1e-9)


# ------------------------------------------------------------------------------------------------------- rasteriser


def _capsule(u: float, v: float, radius: float, depth: float, owner: int, length: float = 20) -> list[float]:
    return [u, v, radius, depth, u + length, v, radius, depth, 0.0, 1.0, 0, owner]


def _drawn(rows: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Depth and front (60, 80) of capsules seen with a focal length of 100 pixels."""
    colour, depth = np.zeros((60, 80, 3), np.float32), np.full((60, 80), np.inf, np.float32)
    front = np.full((60, 80), raster.NOBODY, np.int32)
    material = np.array([[200, 100, 50, 0, 0, 0, raster.PLAIN, 1, 2, 0]], np.float32)
    light = np.array([0, 0, -1], np.float32)
    raster.draw_capsules(np.array(rows, np.float32), material, light, 100.0, colour, depth, front)
    return depth, front


def test_the_nearer_capsule_hides_the_farther() -> None:
    near, far = _capsule(30, 20, 5, 2.0, 0), _capsule(30, 22, 8, 3.0, 1)
    for rows in ([near, far], [far, near]):
        depth, front = _drawn(rows)
        assert front[20, 40] == 0
        assert front[28, 40] == 1
        assert depth[20, 40] == pytest.approx(2.0 - 5 * 2.0 / 100)  # its surface: a radius before its axis
        assert front[50, 40] == raster.NOBODY


def test_a_slanting_bar_is_drawn_whole() -> None:
    """The shortcut that clips each row leaves out no pixel within the radius of the axis."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:60, :80]
    for _ in range(30):
        (u0, v0), (u1, v1), radius = rng.uniform(-20, 90, 2), rng.uniform(-20, 90, 2), rng.uniform(1, 9)
        _, front = _drawn([[u0, v0, radius, 2, u1, v1, radius, 2, 0, 1, 0, 7]])
        way = np.array([u1 - u0, v1 - v0])
        t = np.clip(((x - u0) * way[0] + (y - v0) * way[1]) / (way @ way), 0, 1)
        far = np.hypot(x - u0 - t * way[0], y - v0 - t * way[1]) - radius
        np.testing.assert_array_equal((front == 7)[np.abs(far) > 1e-3], (far < 0)[np.abs(far) > 1e-3])


def test_seen_joints_lie_on_the_body() -> None:
    """Against black, the picture is not black where a joint is said to be seen."""
    seen = lit = 0
    for number in range(1, 7):
        scene = _scene(number)
        scene = replace(scene, scenery=replace(scene.scenery, painting=0 * scene.scenery.painting), things=())
        shot, frames = film(scene, 0)
        for f, frame in enumerate(frames):
            u, v = np.moveaxis(shot.joints[f].round().astype(int), -1, 0)
            inside = (u >= 0) & (u < 320) & (v >= 0) & (v < 240) & ~shot.hidden[f]
            around = cv2.dilate(frame.image.max(-1), np.ones((3, 3)))  # a crown lies on the very edge of the head
            lit += (around[v[inside], u[inside]] > 0).sum()
            seen += inside.sum()
    assert seen > 300
    assert lit / seen > 0.995


def test_a_post_before_a_person_hides_it() -> None:
    scene = _scene(3, difficulty=replace(CLEAR, persons=(1, 0, 0, 0), standing=1.0))
    bare = replace(scene, things=())
    (with_post, frames), (without, bare_frames) = film(scene, 0), film(bare, 0)
    for _ in zip(frames, bare_frames, strict=True):
        pass
    assert with_post.behind_thing.any()
    assert not without.behind_thing.any()
    assert (with_post.hidden >= without.hidden).all()


# ----------------------------------------------------------------------------------------------------------- labels


@examples(60)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 8))
def test_lasting_runs(hidden: list[bool], longest: int) -> None:
    expected = np.zeros(len(hidden), bool)
    for i in range(len(hidden)):
        for j in range(i + longest + 1, len(hidden) + 1):
            if all(hidden[i:j]):
                expected[i:j] = True
    np.testing.assert_array_equal(lasting(np.array(hidden)[:, None], longest)[:, 0], expected)


def test_which_frames_are_labelled() -> None:
    train, val = labelled_frames(41, 30, "train"), labelled_frames(41, 30, "val")
    assert np.flatnonzero(train).tolist() == list(range(5, 35))
    assert np.flatnonzero(val & ~train).tolist() == [0, 4, 36, 40]
    assert labelled_frames(4, 30, "train").all()


def test_annotations_follow_the_rules() -> None:
    for number in range(1, 9):
        scene = _scene(number, difficulty=Difficulty())
        shot, frames = film(scene, 0)
        frames = list(frames)
        sequence = annotate(scene, shot, frames, "val", 4, Path("/data"))
        people, (width, height) = sequence.persons, sequence.size
        assert sequence.name == f"00000{number}_mpiinew_test"
        assert sequence.labelled[people.frame].all()
        assert (people.present.sum(1) >= 3).all()
        keypoints = people.keypoints[people.present]
        assert (keypoints[:, :2] >= 0).all()
        assert (keypoints[:, :2] <= [width - 1, height - 1]).all()
        assert not people.keypoints[~people.present].any()
        seen = people.keypoints[..., 2] == 1
        np.testing.assert_array_equal(seen, people.present & (people.flags & OCCLUDED == 0))
        low, high = people.head_box[:, :2], people.head_box[:, 2:]
        for joint in (12, 14):
            there = people.present[:, joint]
            assert (people.keypoints[there, joint, :2] >= low[there] - 0.02).all()
            assert (people.keypoints[there, joint, :2] <= high[there] + 0.02).all()
        assert sorted(sequence.ignore) == sorted(set(sequence.ignore) & set(np.flatnonzero(sequence.labelled)))


def test_flags_name_what_was_done() -> None:
    scene = _scene(2, difficulty=replace(CLEAR, dropout=1.0))
    shot, frames = film(scene, 0)
    frames = list(frames)
    flags = joint_flags(shot, frames)
    assert (flags & DROPPED).any()
    x0, y0, x1, y1 = frames[0].blocks[0]
    x, y = shot.joints[0, ..., 0], shot.joints[0, ..., 1]
    inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    assert (flags[0][inside] & DROPPED).all()
    sharp = joint_flags(replace(shot, span=0 * shot.span), frames)
    assert not (sharp & BLURRED).any()
    blurred = [replace(frame, defocus=50.0) for frame in frames]
    assert (joint_flags(shot, blurred) & BLURRED).all()


def test_head_box_is_a_square_around_the_ball() -> None:
    joints = np.zeros((15, 2))
    joints[12], joints[14], joints[8], joints[9] = (50, 60), (50, 30), (45, 62), (55, 62)
    np.testing.assert_allclose(head_box(joints), [35, 30, 65, 60])


def test_detector_boxes() -> None:
    scene = _scene(1)
    shot, frames = film(scene, 0)
    sequence = annotate(scene, shot, list(frames), "val", 8, Path("/data"))
    exact = detections(sequence, 0, jitter=0, missed=0, false=0)
    np.testing.assert_allclose(exact.box, sequence.persons.box, atol=0.01)
    assert len(detections(sequence, 0, missed=1, false=0).score) == 0
    many = detections(sequence, 0, false=1)
    assert len(many.score) > len(exact.score)
    assert ((many.score > 0) & (many.score < 1)).all()


# ---------------------------------------------------------------------------------------------------- the whole set


def _contents(folder: Path) -> dict[str, str]:
    """Hash of every file: of a JPEG's pixels, not its bytes, which depend on the codec's version."""
    result = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = read_image(path).tobytes() if path.suffix == ".jpg" else path.read_bytes()
        result[path.relative_to(folder).as_posix()] = hashlib.sha256(data).hexdigest()
    return result


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("video") / "tiny"
    prepare_video("video-synthetic", folder, options=TINY)
    return folder


def test_layout_and_counts(tiny: Path) -> None:
    card = json.loads((tiny / "card.json").read_text())
    assert card["counts"]["train"] | {"persons": 0, "boxes": 0} == {
        "sequences": 2, "frames": 12, "labelled_frames": 8, "persons": 0, "boxes": 0,
    }  # fmt: skip
    assert (card["seed"], card["fps"], card["dataset"]) == (0, 25, "video-synthetic")
    assert "Apache" in card["licence"]
    persons = 0
    for path in sorted(tiny.glob("annotations/*/*.json")):
        sequence = read_sequence(path, tiny)
        assert path.stem == sequence.name
        assert read_image(sequence.images[0]).shape == (96, 128, 3)
        assert sequence.image_ids[0] == 3 * 10**10 + int(path.stem[:6]) * 10**4
        persons += len(sequence.persons.frame)
    assert persons == sum(card["counts"][split]["persons"] for split in ("train", "val"))
    everything = json.loads((tiny / "annotations/train.json").read_text())
    assert len(everything["annotations"]) == card["counts"]["train"]["persons"]
    ids = {image["id"] for image in everything["images"]}
    assert set(read_boxes(tiny / "boxes/train.json").image_id.tolist()) <= ids
    assert sorted(p.name for p in (tiny / "images/val").iterdir()) == ["001001_mpiinew_test"]


def test_the_same_every_time(tiny: Path, tmp_path: Path) -> None:
    """In another process, with another hash seed; and a sequence does not depend on which others are made."""
    code = (
        "import json, sys; from datasets.rendered.prepare import prepare_video;"
        "prepare_video('video-synthetic', sys.argv[1], options=json.loads(sys.argv[2]))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "again", json.dumps(TINY)], check=True)
    assert _contents(tmp_path / "again") == _contents(tiny)
    prepare_video("video-synthetic", tmp_path / "more", options=TINY | {"train": 1, "val": 2})
    more, before = _contents(tmp_path / "more"), _contents(tiny)
    shared = [name for name in before if name in more and ("000001" in name or "001001" in name)]
    assert len(shared) == 14  # 6 frames and an annotation file of two sequences
    assert all(more[name] == before[name] for name in shared)


def test_another_seed_is_another_video(tiny: Path, tmp_path: Path) -> None:
    prepare_video("video-synthetic", tmp_path / "other", seed=1, options=TINY | {"train": 1})
    other, before = _contents(tmp_path / "other"), _contents(tiny)
    same = [name for name in other if name.endswith(".jpg") and other[name] == before[name]]
    assert not same


def test_what_cannot_be_prepared(tmp_path: Path) -> None:
    for name, options, message in (
        ("video-sinthetic", {}, "unknown video data set .*did you mean 'video-synthetic'"),
        ("video-synthetic", {"dropouts": 1}, "unknown option 'dropouts'; did you mean 'dropout'"),
        ("video-synthetic", {"frames": 0}, "option 'frames' is 0; it must be a whole number"),
        ("video-cmu", {}, "cmu: needs its raw files"),
    ):
        with pytest.raises(InputError, match=message):
            prepare_video(name, tmp_path / "data", options=options)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="mine: exists and holds no prepared data"):
        prepare_video("video-synthetic", tmp_path / "mine", options=TINY)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        prepare_video("video-synthetic", tmp_path / "file/data", options=TINY)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "mine"]


@pytest.mark.slow
@pytest.mark.shared
def test_from_motion_capture(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = ["02_01", "02_02", "02_03", "02_04", "02_09", "03_01", "03_02"]  # the whole of it takes too long here
    monkeypatch.setitem(SPLITS["cmu"], "short", short)
    monkeypatch.setattr(prepare, "CMU_SPLITS", {"train": ("short",), "val": ("short",)})
    options = {"train": 1, "val": 1, "frames": 6, "size": (128, 96), "middle": 4}
    prepare_video("video-cmu", tmp_path / "data", raw_dir=shared / "data", options=options)
    card = json.loads((tmp_path / "data/card.json").read_text())
    files = card["sources"][0]["sha256"]
    assert "subjects/02/02_09.amc" in files
    assert card["acknowledgement"]
    assert card["counts"]["val"]["frames"] == 6
    with pytest.raises(InputError, match=r"clips hold .* steps of motion; ask for shorter sequences"):
        prepare_video("video-cmu", tmp_path / "long", raw_dir=shared / "data", options=options | {"frames": 2000})
