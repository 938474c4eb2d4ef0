"""PoseTrack's and JHMDB's files: the genuine samples, a round trip, the three layouts, and every fault in one line."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from datasets.papers.posetrack_2017 import read_any_year
from datasets.video.annotations import People, Person, Video, box_around, frame_number
from datasets.video.boxes import Detections, read_boxes
from datasets.video.images import read_image
from datasets.video.jhmdb import JOINTS as JHMDB_JOINTS
from datasets.video.jhmdb import read_jhmdb
from datasets.video.posetrack import read_sequence
from datasets.video.videos import annotated_boxes
from datasets.video.writing import jpeg, layout_2018, write_boxes, write_sequence

R_ANKLE, L_SHOULDER, NECK, NOSE, TOP = 0, 9, 12, 13, 14


@pytest.fixture
def posetrack18(shared: Path) -> Path:
    return shared / "fixtures/mmpose/posetrack18"


def _sequence(root: Path, frames: int = 3, people: People | None = None, **changes: object) -> Video:
    """A sequence without pictures; its one person stands in frame 1 unless `people` says otherwise."""
    keypoints = np.zeros((15, 3))
    keypoints[[R_ANKLE, NOSE, TOP]] = [[10, 90, 1], [20, 20.5, 0], [22, 10, 1]]
    person = Person(4, keypoints, box_around(keypoints), [12, 8, 30, 30], np.eye(15, dtype=np.uint8)[NOSE])
    facts = {
        "name": "000007_mpiinew_train",
        "images": tuple(root / f"images/train/000007_mpiinew_train/{i:06d}.jpg" for i in range(frames)),
        "image_ids": 30000070000 + np.arange(frames),
        "labelled": np.arange(frames) == 1,
        "size": (64, 96),
        "persons": People.of([[], [person], []]) if people is None else people,
        "ignore": {1: [np.array([[0.0, 0], [9, 0], [9, 9]])]},
    }
    return Video(**facts | changes)


def _same(a: Video, b: Video) -> None:
    assert (a.name, a.images, a.size) == (b.name, b.images, b.size)
    for field in ("image_ids", "labelled"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))
    for field in vars(a.persons):
        np.testing.assert_allclose(getattr(a.persons, field), getattr(b.persons, field), atol=1e-9, err_msg=field)
    assert sorted(a.ignore) == sorted(b.ignore)
    for frame in a.ignore:
        for p, q in zip(a.ignore[frame], b.ignore[frame], strict=True):
            np.testing.assert_array_equal(p, q)


@pytest.mark.shared
def test_genuine_sequences(posetrack18: Path, tmp_path: Path) -> None:
    first, second = (
        read_sequence(posetrack18 / f"annotations/val/{name}.json", posetrack18)
        for name in ("003418_mpii_test", "009473_mpii_test")
    )
    assert (first.name, first.size, first.image_ids.tolist()) == ("003418_mpii_test", (1920, 1080), [10034180000])
    assert len(first.ignore[0]) == 9
    assert first.persons.present.sum() == 11
    np.testing.assert_allclose(first.persons.keypoints[0, NOSE], [621, 471, 1])
    np.testing.assert_allclose(first.persons.keypoints[0, L_SHOULDER], [371, 737, 1])
    assert not first.persons.keypoints[0, R_ANKLE].any()
    np.testing.assert_allclose(first.persons.head_box[0], [346, 337, 642, 574])
    assert second.persons.present.sum(1).tolist() == [14, 15]
    # The file's own boxes: joints and 15 % on each side.
    np.testing.assert_allclose([box_around(k) for k in second.persons.keypoints], second.persons.box, atol=0.01)
    for sequence in (first, second):
        assert read_image(sequence.images[0]).shape == (*sequence.size[::-1], 3)
        write_sequence(sequence, tmp_path / "again.json", posetrack18)
        _same(read_sequence(tmp_path / "again.json", posetrack18), sequence)


@pytest.mark.shared
def test_genuine_jhmdb(shared: Path) -> None:
    root = shared / "fixtures/mmpose/jhmdb"
    clips = read_jhmdb(root / "test_jhmdb_sub1.json", root)
    assert clips[0].name == "Frisbee_catch_f_cm_np1_ri_med_0"
    assert [len(clip.images) for clip in clips] == [1, 1, 1]
    assert clips[0].size == (320, 240)
    np.testing.assert_allclose(clips[0].persons.keypoints[0, 0], [97.851746, 91.59851, 2])  # one less than the file's
    np.testing.assert_allclose(clips[0].persons.box[0], [78, 61, 54, 159])


numbers = st.floats(0.5, 2000).map(lambda x: round(x, 3))


@examples(40)
@given(data=st.data(), count=st.integers(0, 5))
def test_round_trip(data: st.DataObject, count: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    root, rows = tmp_path_factory.mktemp("round"), [[], [], []]
    for p in range(count):
        keypoints = np.array(
            data.draw(st.lists(st.tuples(numbers, numbers, st.sampled_from([0, 1])), min_size=15, max_size=15))
        )
        keypoints[data.draw(st.lists(st.integers(0, 14)))] = 0
        head, flags = (
            data.draw(st.tuples(numbers, numbers)),
            data.draw(st.lists(st.integers(0, 7), min_size=15, max_size=15)),
        )
        corners = (*head, head[0] + 8, head[1] + 9)
        rows[data.draw(st.integers(0, 2))].append(Person(p, keypoints, box_around(keypoints), corners, flags))
    sequence = _sequence(root, people=People.of(rows))
    write_sequence(sequence, root / "a.json", root)
    _same(read_sequence(root / "a.json", root, check_images=False), sequence)


def test_hidden_is_not_absent(tmp_path: Path) -> None:
    write_sequence(_sequence(tmp_path), tmp_path / "a.json", tmp_path)
    people = read_sequence(tmp_path / "a.json", tmp_path, check_images=False).persons
    assert np.flatnonzero(people.present[0]).tolist() == [R_ANKLE, NOSE, TOP]
    assert people.keypoints[0, NOSE].tolist() == [20, 20.5, 0]
    entry = json.loads((tmp_path / "a.json").read_text())["annotations"][0]
    assert (len(entry["keypoints"]), entry["num_keypoints"], entry["id"]) == (51, 2, 3000007000100)
    assert entry["keypoints"][:3] == [20, 20.5, 0]  # the file's first slot is the nose


def _layout_2017(names: list[str]) -> dict:
    point = [{"id": [13], "x": [20], "y": [30.5], "is_visible": [1]}, {"id": [0], "x": [22], "y": [90]}]
    person = {"x1": [12], "y1": [20], "x2": [30], "y2": [41], "track_id": [2], "annopoints": [{"point": point}]}
    region = {"point": [{"x": [0], "y": [0]}, {"x": [9], "y": [0]}, {"x": [9], "y": [9]}]}
    frames = [{"image": [{"name": name}], "imgnum": [i + 1], "annorect": []} for i, name in enumerate(names)]
    frames[1] |= {"annorect": [person, {"track_id": [3], "x1": [1], "annopoints": []}], "ignore_regions": [region]}
    return {"annolist": frames}


def test_2017(tmp_path: Path) -> None:
    names = [f"images\\/bonn\\/000017_bonn\\/{i:08d}.jpg" for i in (1, 2, 3)]
    (tmp_path / "images/bonn/000017_bonn").mkdir(parents=True)
    for i in (1, 2, 3):
        (tmp_path / f"images/bonn/000017_bonn/{i:08d}.jpg").write_bytes(jpeg(np.zeros((48, 64, 3), np.uint8), 90))
    (tmp_path / "a.json").write_text(json.dumps(_layout_2017(names)))
    sequence = read_any_year(tmp_path / "a.json", tmp_path)
    assert (sequence.name, sequence.size) == ("000017_bonn", (64, 48))
    assert sequence.labelled.tolist() == [False, True, False]
    assert sequence.image_ids.tolist() == [0, 1, 2]
    people = sequence.persons
    assert (people.frame.tolist(), people.track_id.tolist()) == ([1], [2])
    np.testing.assert_array_equal(people.keypoints[0, [NOSE, R_ANKLE]], [[20, 30.5, 1], [22, 90, 1]])
    np.testing.assert_array_equal(people.head_box[0], [12, 20, 30, 41])
    assert len(sequence.ignore[1]) == 1


def test_names_differ_by_year() -> None:
    assert frame_number("images/bonn/000017_bonn/00000001.jpg") == frame_number("a/000017_bonn_train/000000.jpg") == 0


def _change(entry: str, **changes: object):
    def damage(content: dict) -> None:
        content[entry][0].update(changes)

    return damage


def _swap(content: dict) -> None:
    content["images"].reverse()


@pytest.mark.parametrize(
    "other",
    [{"category_id": 2}, {"iscrowd": 1}, {"keypoints": []}, {"keypoints": None}, {"category_id": 2, "keypoints": [1]}],
)
def test_what_is_no_person_is_left_out(other: dict, tmp_path: Path) -> None:
    content = layout_2018([_sequence(tmp_path)], tmp_path)
    content["annotations"].append(content["annotations"][0] | {"track_id": 9} | other)
    content["categories"].insert(0, {"id": 2, "name": "dog"})  # the first is not always the person
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert read_sequence(tmp_path / "a.json", tmp_path, check_images=False).persons.track_id.tolist() == [4]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    text = json.dumps(layout_2018([_sequence(tmp_path)], tmp_path))
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "a.json").write_text(text.replace(", ", ",\r\n"), encoding=encoding)
        _same(read_sequence(tmp_path / "a.json", tmp_path, check_images=False), _sequence(tmp_path))


def test_persons_in_frames_that_are_not_labelled_are_not_looked_at(tmp_path: Path) -> None:
    sequence = _sequence(tmp_path)
    assert len(annotated_boxes([sequence, sequence])) == 2
    assert len(annotated_boxes([sequence, _sequence(tmp_path, labelled=np.zeros(3, bool))])) == 1


def _without(entry: str, key: str):
    return lambda content: content[entry][0].pop(key)


FAULTS = {
    "14 key points": (
        _change("annotations", keypoints=[1.0] * 42),
        r"annotation 30\d+ has 14 key points instead of 17",
    ),
    "half a key point": (_change("annotations", keypoints=[1.0] * 50), r"has 16\.6667 key points instead of 17"),
    "NaN": (_change("annotations", keypoints=[float("nan")] * 51), r"annotation 30\d+: holds NaN or infinite"),
    "infinite box": (_change("annotations", bbox=[0, 0, float("inf"), 1]), r"bbox: holds NaN or infinite"),
    "two points": (
        _change("images", ignore_regions_x=[[1, 2]], ignore_regions_y=[[1, 2]]),
        r"image 30000070000: an ignore region has 2 points, 3 are needed",
    ),
    "NaN in a region": (
        _change("images", ignore_regions_x=[[1, 2, float("nan")]], ignore_regions_y=[[1, 2, 3]]),
        r"ignore region: holds NaN",
    ),
    "torn region": (_change("images", ignore_regions_x=[[1, 2, 3]], ignore_regions_y=[]), r"do not match"),
    "out of order": (_swap, r"frame 1 follows frame 2; list the images in their order"),
    "unknown image": (_change("annotations", image_id=5), r"belongs to image 5, which is not listed"),
    "no key": (_without("images", "file_name"), r"not laid out as PoseTrack's .*file_name"),
    "no joint": (lambda c: c["categories"][0]["keypoints"].remove("nose"), r"lack the key point 'nose'"),
    "no person": (_change("categories", name="dog"), r"one category 'person' is expected, its categories are dog"),
    "two videos": (
        _change("images", file_name="images/train/000001_x/000000.jpg"),
        r"holds 2 videos \(000001_x, 000007",
    ),
    "one id twice": (_change("images", id=30000070001), r"two of its images have the same id"),
    "no images": (lambda c: c.update(images=[]), r"lists no image"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_end_in_one_line(fault: str, tmp_path: Path) -> None:
    damage, message = FAULTS[fault]
    content = json.loads(json.dumps(layout_2018([_sequence(tmp_path)], tmp_path)))
    damage(content)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        read_sequence(tmp_path / "a.json", tmp_path, check_images=False)
    assert "a.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_not_json(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        read_sequence(tmp_path / "none.json", tmp_path)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"a\.json: is not JSON"):
        read_sequence(tmp_path / "a.json", tmp_path)
    write_sequence(_sequence(tmp_path), tmp_path / "a.json", tmp_path)
    with pytest.raises(InputError, match=r"000000\.jpg: is missing, a\.json lists it"):
        read_sequence(tmp_path / "a.json", tmp_path)


def test_merged_files(tmp_path: Path) -> None:
    videos = [_sequence(tmp_path, image_ids=start + np.arange(3)) for start in (10, 20)]
    everything = layout_2018(videos, tmp_path, area=True)
    assert [image["id"] for image in everything["images"]] == [10, 11, 12, 20, 21, 22]
    assert [a["id"] for a in everything["annotations"]] == [1100, 2100]
    assert everything["annotations"][0]["area"] == pytest.approx(1.3 * 12 * 1.3 * 80)


def test_images(tmp_path: Path) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = [250, 10, 20]  # red, to tell RGB from BGR
    data = jpeg(picture, 95)
    (tmp_path / "a.jpg").write_bytes(data)
    assert np.abs(read_image(tmp_path / "a.jpg")[20, 50].astype(int) - [250, 10, 20]).max() < 8
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    assert read_image(tmp_path / "a.png")[20, 50].tolist() == [20, 10, 250]
    for name, content, message in (
        ("cut.jpg", data[: len(data) // 2], r"cut\.jpg: is truncated"),
        ("cut.png", (tmp_path / "a.png").read_bytes()[:-20], r"cut\.png: is truncated"),
        ("text.jpg", b"<html>404</html>", r"text\.jpg: is not an image"),
        ("empty.jpg", b"", r"empty\.jpg: is not an image"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_image(tmp_path / name)
    with pytest.raises(InputError, match=r"none\.jpg: cannot be read .* missing"):
        read_image(tmp_path / "none.jpg")


def test_boxes(tmp_path: Path) -> None:
    boxes = Detections(
        np.array([3, 3, 5]), np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [0, 0, 9, 9.5]]), np.array([0.9, 0.1, 0.5])
    )
    write_boxes(boxes, tmp_path / "a.json")
    again = read_boxes(tmp_path / "a.json")
    for field in vars(boxes):
        np.testing.assert_array_equal(getattr(again, field), getattr(boxes, field))
    assert again.of(3)[1].tolist() == [0.9, 0.1]
    assert again.of(4)[0].shape == (0, 4)
    (tmp_path / "empty.json").write_text("[]")
    assert read_boxes(tmp_path / "empty.json").box.shape == (0, 4)


@pytest.mark.shared
def test_the_case_of_other_categories(shared: Path) -> None:
    boxes = read_boxes(shared / "cases/boxes-of-other-categories/val.json")
    assert boxes.box.tolist() == [[10, 10, 50, 90]]


CHAIR = {"image_id": 1, "category_id": 62, "bbox": [5, 5, 0, 20], "score": 0.8}  # without extent, and nobody cares
PERSON = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9}
MANY = [{"id": 1, "name": "chair"}, {"id": 7, "name": "Person"}]
CONTENTS = {
    "a list": ([CHAIR, PERSON], 1),
    "no category": ([{"image_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9}, PERSON], 2),
    "no person": ([CHAIR], 0),
    "a crowd": ([PERSON | {"iscrowd": 1}, PERSON | {"iscrowd": 0}], 1),
    "named categories": ({"categories": MANY, "annotations": [PERSON, PERSON | {"category_id": 7}]}, 1),
    "no named categories": ({"annotations": [CHAIR, PERSON]}, 1),
}


@pytest.mark.parametrize("way", CONTENTS)
def test_boxes_are_those_of_persons(way: str, tmp_path: Path) -> None:
    content, count = CONTENTS[way]
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert len(read_boxes(tmp_path / "a.json").score) == count


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([PERSON | {"category_id": 0}, PERSON], "its categories count from 0, COCO's from 1"),
        (
            {"categories": MANY[:1], "annotations": [PERSON]},
            "one category 'person' is expected, its categories are chair",
        ),
        ({"categories": MANY, "annotations": [PERSON | {"score": None, "category_id": 7}]}, "detection 0: holds NaN"),
        ([PERSON | {"category_id": "person"}], "is not a list of image_id, bbox and score"),
        ({"error": "no such file"}, r"is not a list of image_id, bbox and score \('annotations'\)"),
    ],
)
def test_boxes_of_nobody_knows_whom(content: list | dict, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"a\.json: {message}"):
        read_boxes(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"image_id": 1, "bbox": [1, 2, 0, 4], "score": 1}, "detection 0 has no extent"),
        ({"image_id": 1, "bbox": [1, 2, float("nan"), 4], "score": 1}, "detection 0: holds NaN"),
        ({"image_id": 1, "bbox": [1, 2, 3], "score": 1}, "is not a list of image_id, bbox and score"),
        ({"bbox": [1, 2, 3, 4], "score": 1}, "is not a list of image_id, bbox and score"),
    ],
)
def test_bad_boxes(entry: dict, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([entry]))
    with pytest.raises(InputError, match=rf"a\.json: {message}"):
        read_boxes(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": [1.0] * 42}, "annotation 9 has 14 key points instead of 15"),
        ({"keypoints": [float("nan")] * 45}, "annotation 9: holds NaN"),
        ({"bbox": None}, "annotation 9 has no bbox"),
        ({"image_id": 7}, "annotation 9 belongs to image 7, which is not listed"),
        ({"category_id": "a"}, "not laid out"),
    ],
)
def test_bad_jhmdb(change: dict, message: str, tmp_path: Path) -> None:
    image = {"file_name": "clip/00001.png", "id": 1, "width": 320, "height": 240}
    annotation = {"id": 9, "image_id": 1, "keypoints": [2.0] * 45, "bbox": [1, 1, 5, 5]} | change
    (tmp_path / "a.json").write_text(json.dumps({"images": [image], "annotations": [annotation]}))
    with pytest.raises(InputError, match=message):
        read_jhmdb(tmp_path / "a.json", tmp_path, check_images=False)


def _jhmdb(path: Path, annotations: list[dict], **category: object) -> np.ndarray:
    """Key points (P, 15, 3) of a file of one clip with these annotations."""
    image = {"file_name": "clip/00001.png", "id": 1, "width": 320, "height": 240}
    categories = [{"id": 1, "name": "person", "keypoints": list(JHMDB_JOINTS)} | category]
    common = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    entries = [common | {"id": i} | annotation for i, annotation in enumerate(annotations)]
    path.write_text(json.dumps({"images": [image], "annotations": entries, "categories": categories}))
    return read_jhmdb(path, path.parent, check_images=False)[0].persons.keypoints


def test_jhmdb_reads_what_decides_what_counts(tmp_path: Path) -> None:
    slots = np.stack([np.arange(15) + 2.0, np.arange(15) + 3.0, np.full(15, 2.0)], -1)
    slots[3] = [1, 1, 0]  # COCO's form: not labelled, wherever it stands
    slots[4, 2] = 1
    whole = {"keypoints": slots.ravel().tolist()}
    found = _jhmdb(tmp_path / "a.json", [whole, whole | {"category_id": 3}, whole | {"iscrowd": 1}])
    assert len(found) == 1
    assert found[0, 3].tolist() == [0, 0, 0]
    assert found[0, 4].tolist() == [5, 6, 1]
    turned = _jhmdb(
        tmp_path / "a.json", [{"keypoints": slots[::-1].ravel().tolist()}], keypoints=list(JHMDB_JOINTS[::-1])
    )
    np.testing.assert_array_equal(turned, found)
    with pytest.raises(InputError, match="its categories lack the key point 'neck'"):
        _jhmdb(tmp_path / "a.json", [whole], keypoints=["nose", *JHMDB_JOINTS[1:]])
