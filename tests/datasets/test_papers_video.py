"""PoseTrack and Sub-JHMDB from each form that they come in to prepared data, and to the protocol's number."""

import copy
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from base.errors import InputError
from datasets.fetching.archives import unpack
from datasets.papers.jhmdb_convert import convert as convert_jhmdb
from datasets.papers.posetrack_convert import convert as convert_posetrack
from datasets.rendered.prepare import prepare_video
from datasets.video.jhmdb import read_jhmdb
from datasets.video.posetrack import read_sequence
from datasets.video.videos import Videos, annotated_boxes
from metrics.keypoints import box_size, pck
from tests.datasets.mat_v73 import as_v73
from training.scoring import person_pck, video_ap

SMALL = {"train": 2, "val": 2, "frames": 5, "middle": 3, "middle_val": 3, "size": [64, 48]}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos with annotations in PoseTrack18's own layout."""
    folder = tmp_path_factory.mktemp("videos") / "rendered"
    prepare_video("video-synthetic", folder, options=SMALL)
    return folder


@pytest.fixture
def raw(rendered: Path, tmp_path: Path) -> Path:
    """A raw folder with these videos as PoseTrack2018, and as PoseTrack2017 in .mat files."""
    for year in ("posetrack17", "posetrack18"):
        shutil.copytree(rendered / "images", tmp_path / f"raw/{year}/images")
    shutil.copytree(rendered / "boxes", tmp_path / "raw/posetrack18/boxes")
    shutil.copytree(rendered / "annotations", tmp_path / "raw/posetrack18/labels/annotations")
    for file in (tmp_path / "raw/posetrack18/labels/annotations").glob("*.json"):
        file.unlink()  # the merged files
    for split in ("train", "val"):
        for path in (rendered / "annotations" / split).glob("*.json"):
            sequence = read_sequence(path, rendered)
            target = tmp_path / f"raw/posetrack17/annotations/{split}/{path.stem}.mat"
            target.parent.mkdir(parents=True, exist_ok=True)
            savemat(target, {"annolist": as_2017(sequence, rendered)})
    return tmp_path / "raw"


def structs(rows: list[dict]) -> np.ndarray:
    """A struct array as MATLAB stores it."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    array = np.empty((1, len(rows)), [(name, object) for name in names])
    for i, row in enumerate(rows):
        for name in names:
            array[0, i][name] = row.get(name, np.zeros((0, 0)))
    return array


def as_2017(sequence, root: Path) -> np.ndarray:
    frames = []
    for i, image in enumerate(sequence.images):
        people = []
        for p in np.flatnonzero(sequence.persons.frame == i):
            points = [
                {"id": float(j), "x": x, "y": y, "is_visible": v}
                for j, (x, y, v) in enumerate(sequence.persons.keypoints[p])
                if x or y or v
            ]
            x1, y1, x2, y2 = sequence.persons.head_box[p]
            person = {"track_id": float(sequence.persons.track_id[p]), "x1": x1, "y1": y1, "x2": x2, "y2": y2}
            people.append(person | ({"annopoints": structs([{"point": structs(points)}])} if points else {}))
        frame = {"image": structs([{"name": image.relative_to(root).as_posix()}]), "imgnum": float(i + 1)}
        frame |= {"is_labeled": float(sequence.labelled[i])}
        regions = [{"point": structs([{"x": x, "y": y} for x, y in polygon])} for polygon in sequence.ignore.get(i, ())]
        frame |= {"annorect": structs(people)} if people else {}
        frames.append(frame | ({"ignore_regions": structs(regions)} if regions else {}))
    return structs(frames)


def ap_of_the_truth(data: Path) -> float:
    videos = Videos(data)
    persons = annotated_boxes(videos.sequences("val"))
    joints, scores = persons.keypoints[..., :2], np.ones(persons.keypoints.shape[:2])
    return video_ap(videos.sequences("val"), persons, joints, scores)["ap"].value


@pytest.mark.parametrize("year", ["posetrack17", "posetrack18"])
def test_posetrack_is_the_same_from_each_layout(year: str, raw: Path, rendered: Path, tmp_path: Path) -> None:
    convert_posetrack(f"video-{year}", tmp_path / "out", raw)
    for split in ("train", "val"):
        for path in sorted((rendered / "annotations" / split).glob("*.json")):
            found = read_sequence(tmp_path / f"out/annotations/{split}/{path.name}", tmp_path / "out")
            wanted = read_sequence(path, rendered)
            assert [p.relative_to(tmp_path / "out") for p in found.images] == [
                p.relative_to(rendered) for p in wanted.images
            ]
            for name in ("frame", "track_id", "keypoints", "head_box"):
                one, other = getattr(found.persons, name), getattr(wanted.persons, name)
                np.testing.assert_allclose(one, other, atol=1e-3)
            assert (found.labelled == wanted.labelled).all()
            assert sorted(found.ignore) == sorted(wanted.ignore)
    assert ap_of_the_truth(tmp_path / "out") == 100
    report = (tmp_path / "out/report.md").read_text(encoding="utf-8")
    assert "Not the papers' data" in report
    assert ("Detector's boxes: none" in report) == (year == "posetrack17")


def test_posetrack_2017_is_the_same_in_either_version_of_matlabs_files(raw: Path, tmp_path: Path) -> None:
    convert_posetrack("video-posetrack17", tmp_path / "v5", raw)
    for file in raw.rglob("*.mat"):
        as_v73(file)
    convert_posetrack("video-posetrack17", tmp_path / "v73", raw)
    names = sorted(p.relative_to(tmp_path / "v5") for p in (tmp_path / "v5/annotations").rglob("*.json"))
    assert names
    for name in names:
        assert (tmp_path / "v5" / name).read_bytes() == (tmp_path / "v73" / name).read_bytes()


@pytest.mark.parametrize("rect", ["none", 7.0, {"annopoints": 3.0}])
def test_people_that_are_none_end_in_one_line(raw: Path, tmp_path: Path, rect: object) -> None:
    file = next((raw / "posetrack17/annotations/val").glob("*.mat"))
    content = loadmat(file)["annolist"]
    content[0, 0]["annorect"] = structs([rect]) if isinstance(rect, dict) else rect
    savemat(file, {"annolist": content})
    with pytest.raises(InputError, match=f"{file.name}: is not laid out as PoseTrack's annotations") as caught:
        convert_posetrack("video-posetrack17", tmp_path / "out", raw)
    assert "\n" not in str(caught.value)


def test_boxes_come_by_image_name_as_well(raw: Path, tmp_path: Path) -> None:
    boxes = raw / "posetrack18/boxes/val.json"
    entries = json.loads(boxes.read_text(encoding="utf-8"))
    convert_posetrack("video-posetrack18", tmp_path / "one", raw)
    names = {}
    for path in (tmp_path / "one/annotations/val").glob("*.json"):
        for image in json.loads(path.read_text(encoding="utf-8"))["images"]:
            names[image["id"]] = image["file_name"]
    named = [{"image_name": names[e["image_id"]], "bbox": e["bbox"], "score": e["score"]} for e in entries]
    boxes.write_text(json.dumps(named), encoding="utf-8")
    convert_posetrack("video-posetrack18", tmp_path / "other", raw)
    one, other = (json.loads((tmp_path / n / "boxes/val.json").read_text(encoding="utf-8")) for n in ("one", "other"))
    assert one == other
    boxes.write_text(json.dumps([{"image_id": 7, "bbox": [0, 0, 1, 1], "score": 1}]), encoding="utf-8")
    with pytest.raises(InputError, match="none of its images is in the annotations"):
        convert_posetrack("video-posetrack18", tmp_path / "bad", raw)
    assert not (tmp_path / "bad").exists()


@pytest.mark.shared
def test_the_case_of_a_mac(shared: Path, tmp_path: Path) -> None:
    """What its archiver adds is not unpacked; nor is it read where somebody else has unpacked it."""
    archive = shared / "cases/zip-from-macos/posetrack18_data.zip"
    for way in ("ours", "theirs"):
        raw = tmp_path / way / "posetrack18"
        if way == "ours":
            assert unpack([archive], raw) == 3
        else:
            shutil.unpack_archive(archive, raw)
            (raw / "annotations/val/.DS_Store").write_bytes(b"\0")
            (raw / "annotations/val/._000001_x.json").write_bytes(b"\0\5\x16\7")
            (raw / "annotations/val/.ipynb_checkpoints").mkdir()
            shutil.copy(raw / "annotations/val/000001_x.json", raw / "annotations/val/.ipynb_checkpoints/000001_x.json")
        shutil.copytree(raw / "images/val", raw / "images/train")
        convert_posetrack("video-posetrack18", tmp_path / way / "out", tmp_path / way)
        assert [len(Videos(tmp_path / way / "out").sequences(split)) for split in ("train", "val")] == [1, 1]


def test_boxes_by_image_name_are_those_of_persons(raw: Path, tmp_path: Path) -> None:
    boxes = raw / "posetrack18/boxes/val.json"
    name = next(path for path in (raw / "posetrack18/images/val").rglob("*.jpg")).relative_to(raw / "posetrack18")
    person = {"image_name": name.as_posix(), "bbox": [0, 0, 9, 9], "score": 1, "category_id": 1}
    boxes.write_text(json.dumps([person, person | {"category_id": 62}, person | {"image_name": "x/7.jpg"}]))
    convert_posetrack("video-posetrack18", tmp_path / "out", raw)
    assert len(json.loads((tmp_path / "out/boxes/val.json").read_text(encoding="utf-8"))) == 1
    assert "Detector's boxes: 1 of 2 in frames of val" in (tmp_path / "out/report.md").read_text(encoding="utf-8")


def test_the_genuine_sample_converts(shared: Path, tmp_path: Path) -> None:
    sample = shared / "fixtures/mmpose/posetrack18"
    for split in ("train", "val"):  # the sample has val only
        shutil.copytree(sample / "annotations/val", tmp_path / f"raw/posetrack18/annotations/{split}")
    shutil.copytree(sample / "images", tmp_path / "raw/posetrack18/images")
    convert_posetrack("video-posetrack18", tmp_path / "out", tmp_path / "raw")
    # 5 of its 45 joints are not annotated: one that is submitted there is a false positive.
    assert ap_of_the_truth(tmp_path / "out") == pytest.approx(90)
    assert not Videos(tmp_path / "out").boxed("detected")


def test_what_is_missing_of_posetrack_is_named(raw: Path, tmp_path: Path) -> None:
    next((raw / "posetrack18/images/val").rglob("*.jpg")).unlink()
    with pytest.raises(InputError, match=r"\.jpg: is missing"):
        convert_posetrack("video-posetrack18", tmp_path / "out", raw)
    shutil.rmtree(raw / "posetrack18/labels")
    with pytest.raises(InputError, match="holds no annotations of train"):
        convert_posetrack("video-posetrack18", tmp_path / "out", raw)
    mat = next((raw / "posetrack17/annotations/val").glob("*.mat"))
    mat.write_bytes(mat.read_bytes()[:300])
    with pytest.raises(InputError, match="cannot be read as MATLAB file"):
        convert_posetrack("video-posetrack17", tmp_path / "out", raw)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def jhmdb(shared: Path, tmp_path: Path) -> Path:
    """The official files, with all frames (the fixture has the first three of each clip)."""
    folder = tmp_path / "jhmdb-raw/jhmdb"
    shutil.copytree(shared / "fixtures/synthetic/jhmdb/original", folder)
    for clip in folder.glob("Rename_Images/*/*"):
        for number in range(4, 16):
            shutil.copy(clip / "00001.png", clip / f"{number:05d}.png")
    return tmp_path / "jhmdb-raw"


def test_jhmdb_is_the_same_from_both_forms(jhmdb: Path, tmp_path: Path) -> None:
    convert_jhmdb("video-jhmdb", tmp_path / "one", jhmdb)
    files = sorted((tmp_path / "one/annotations").glob("*.json"))
    assert [path.stem for path in files] == [f"Sub{k}_{split}" for k in (1, 2, 3) for split in ("test", "train")]
    for path in files:
        shutil.copy(path, jhmdb / "jhmdb" / path.name)
    convert_jhmdb("video-jhmdb", tmp_path / "other", jhmdb)
    assert json.loads((tmp_path / "other/card.json").read_text(encoding="utf-8"))["form"] == "coco"
    for path in files:
        one, other = (read_jhmdb(tmp_path / n / "annotations" / path.name, tmp_path / n) for n in ("one", "other"))
        assert [s.name for s in one] == [s.name for s in other]
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a.persons.keypoints, b.persons.keypoints, atol=1e-3)
            np.testing.assert_allclose(a.persons.box, b.persons.box, atol=1e-3)


def test_jhmdb_is_the_same_in_either_version_of_matlabs_files(jhmdb: Path, tmp_path: Path) -> None:
    convert_jhmdb("video-jhmdb", tmp_path / "v5", jhmdb)
    for file in jhmdb.rglob("*.mat"):
        as_v73(file)
    convert_jhmdb("video-jhmdb", tmp_path / "v73", jhmdb)
    for path in (tmp_path / "v5/annotations").glob("*.json"):
        assert path.read_bytes() == (tmp_path / "v73/annotations" / path.name).read_bytes()


def rewritten(jhmdb: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    """A changed variable in the first of the clips' files of that name."""
    file = sorted(jhmdb.rglob(f"{name}.mat"))[-1]
    content = {key: value for key, value in loadmat(file).items() if not key.startswith("__")}
    key = "pos_img" if "pos_img" in content else "part_mask"
    savemat(file, content | {key: change(content[key])})
    return file


def test_a_persons_size_is_the_distance_of_the_outermost_pixels(jhmdb: Path, tmp_path: Path) -> None:
    """137 for rows 20 and 157, as in the official code: a joint 27.5 px off is no hit at 0.2."""
    mask = np.zeros((240, 320, 15), np.uint8)
    mask[20:158, 100:141] = 1
    file = rewritten(jhmdb, "puppet_mask", lambda _: mask)
    points = np.random.default_rng(0).uniform((100, 20), (140, 157), (15, 15, 2)).T  # (2, 15, 15)
    rewritten(jhmdb, "joint_positions", lambda _: points)
    convert_jhmdb("video-jhmdb", tmp_path / "out", jhmdb)
    videos = Videos(tmp_path / "out", seed=0)
    clip = [s.name for s in videos.sequences("train") + videos.sequences("val")].index(file.parent.name)
    sequence = [*videos.sequences("train"), *videos.sequences("val")][clip]
    assert sequence.persons.box.tolist() == [[100, 20, 40, 137]] * 15
    truth = sequence.persons.keypoints[..., :2]
    for off, hits in ((27.3, 100), (27.5, 0)):
        assert (pck(truth + np.array([off, 0]), truth, box_size(sequence.persons.box)) == hits).all()


def test_a_clip_of_one_frame_is_read(jhmdb: Path, tmp_path: Path) -> None:
    for name in ("joint_positions", "puppet_mask"):
        rewritten(jhmdb, name, lambda array: array[..., 0])  # as MATLAB keeps it
    convert_jhmdb("video-jhmdb", tmp_path / "out", jhmdb)
    card = json.loads((tmp_path / "out/card.json").read_text(encoding="utf-8"))
    assert sorted(card["counts"]["Sub1_train"].values()) in ([1, 1], [1, 15])


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("joint_positions", lambda a: np.where(a == a[0, 3, 2], np.nan, a), "pos_img has NaN or infinite numbers"),
        ("joint_positions", lambda a: a[:, :14], r"pos_img is \(2, 14, 15\); numbers of shape \(2, 15, any\)"),
        ("joint_positions", lambda a: a / 320, "pos_img, frame 1: the joints are off the person's mask"),
        ("joint_positions", lambda a: a.astype(str), "pos_img holds .* where numbers are expected"),
        ("puppet_mask", lambda a: a[..., :-1], r"part_mask is \(240, 320, 14\); numbers of shape \(240, 320, 15\)"),
        ("puppet_mask", lambda a: a.transpose(1, 0, 2), r"part_mask is \(320, 240, 15\)"),
        ("puppet_mask", lambda a: a * (np.arange(15) != 3), "part_mask, frame 4: the mask is empty"),
        ("puppet_mask", lambda a: np.where(np.arange(15) == 3, np.nan, a), "part_mask has NaN or infinite numbers"),
    ],
)
def test_faults_of_jhmdbs_files_are_named(jhmdb: Path, tmp_path: Path, name: str, change: Callable, says: str) -> None:
    file = rewritten(jhmdb, name, change)
    with pytest.raises(InputError, match=f"^{re.escape(str(file))}, {says}"):
        convert_jhmdb("video-jhmdb", tmp_path / "out", jhmdb)
    assert not (tmp_path / "out").exists()


def test_faults_of_the_toolboxes_form_are_named_by_their_own_file(jhmdb: Path, tmp_path: Path) -> None:
    convert_jhmdb("video-jhmdb", tmp_path / "one", jhmdb)
    for path in (tmp_path / "one/annotations").glob("*.json"):
        shutil.copy(path, jhmdb / "jhmdb" / path.name)
    file = jhmdb / "jhmdb/Sub1_test.json"
    whole = json.loads(file.read_text(encoding="utf-8"))
    broken = [
        (lambda c: c["annotations"][2]["keypoints"].__setitem__(4, float("nan")), "annotation .* NaN or infinite"),
        (lambda c: c["annotations"][2]["bbox"].__setitem__(2, float("inf")), "annotation .*bbox.* NaN or infinite"),
        (lambda c: c["images"][1].pop("file_name"), "is not laid out as JHMDB's COCO form"),
        (lambda c: c.pop("images"), "is not laid out as JHMDB's COCO form"),
    ]
    for change, says in broken:
        content = copy.deepcopy(whole)
        change(content)
        file.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(InputError, match=f"^{re.escape(str(file))}: {says}"):
            convert_jhmdb("video-jhmdb", tmp_path / "other", jhmdb)
    file.write_text(json.dumps(whole), encoding="utf-8")
    image = sorted((jhmdb / "jhmdb/Rename_Images").rglob("00009.png"))[0]
    image.unlink()
    with pytest.raises(InputError, match=f"^{re.escape(str(image))}: is missing, Sub"):
        convert_jhmdb("video-jhmdb", tmp_path / "other", jhmdb)


def test_jhmdb_scores_by_the_persons_size(jhmdb: Path, tmp_path: Path) -> None:
    convert_jhmdb("video-jhmdb", tmp_path / "out", jhmdb)
    videos = Videos(tmp_path / "out", seed=0)
    persons = videos.persons("val", "gt")
    assert len(persons) == 15
    clip = videos.sequences("val")[0]
    points = loadmat(next((jhmdb / "jhmdb/joint_positions").rglob(f"{clip.name}/*.mat")))["pos_img"]
    np.testing.assert_allclose(persons.keypoints[0, :, :2], points[:, :, 0].T - 1)
    masks = loadmat(next((jhmdb / "jhmdb/puppet_mask").rglob(f"{clip.name}/*.mat")))["part_mask"]
    assert persons.box[0, 2] == np.ptp(np.flatnonzero(masks[:, :, 0].any(0)))
    truth = persons.keypoints[..., :2]
    assert person_pck(persons, truth)["pck"].value == 100
    size = persons.box[:, 2:].max(-1)[:, None, None]
    off = truth + np.where(np.arange(15)[:, None] == 2, [0.21, 0], [0.19, 0]) * size  # the head too far
    scored = person_pck(persons, off, resampled=True)
    assert scored["pck_head"].value == 0
    assert scored["pck"].value == pytest.approx(100 * 14 / 15)
    assert scored["pck_groups"].value == pytest.approx(100 * 6 / 7)
    assert scored["pck"].resamples == pytest.approx(100 * 14 / 15)
    boxes = persons.box.copy()
    boxes[0, 2:] = 0  # a person without size is counted in neither
    wrong = truth + np.where(np.arange(15)[:, None, None] == 0, 99, 0)
    small = replace(persons, box=boxes)
    scored = person_pck(small, wrong, resampled=True)["pck"]
    assert scored.value == scored.resamples.mean() == 100
    nobody = persons.__class__(persons.boxes_from, *(getattr(persons, f)[:0] for f in
                               ("sequence", "frame", "box", "score", "keypoints")))  # fmt: skip
    scored = person_pck(nobody, truth[:0], resampled=True)["pck"]
    assert np.isnan(scored.value)
    assert np.isnan(scored.resamples).all()


def test_lists_of_splits_are_read_however_they_were_written(jhmdb: Path, tmp_path: Path) -> None:
    for path in (jhmdb / "jhmdb/sub_splits").glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        path.write_bytes(("\ufeff\n" + text.replace("\n", " \t\r\n\r\n")).encode())
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    convert_jhmdb("video-jhmdb", tmp_path / "out", jhmdb)
    assert len(list((tmp_path / "out/annotations").glob("*.json"))) == 6


def test_what_is_missing_of_jhmdb_is_named(jhmdb: Path, tmp_path: Path) -> None:
    lists = next((jhmdb / "jhmdb/sub_splits").glob("walk*1.txt"))
    for content, says in (
        (b"synthetic_clip_a_f_cm_np1_fr_med_0.avi three\n", "is not a line such as"),
        (b"\xff\xfe\x00a", "is not a line such as"),
        (b"<html>", "is not a line such as"),
        (b"", "is empty"),
    ):
        lists.write_bytes(content)
        with pytest.raises(InputError, match=says):
            convert_jhmdb("video-jhmdb", tmp_path / "out", jhmdb)
    shutil.rmtree(jhmdb / "jhmdb/sub_splits")
    with pytest.raises(InputError, match=r"holds neither Sub\*_\*\.json nor"):
        convert_jhmdb("video-jhmdb", tmp_path / "out", jhmdb)
    assert not (tmp_path / "out").exists()
