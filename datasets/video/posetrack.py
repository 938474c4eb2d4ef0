"""PoseTrack annotations: reading the layouts of 2017, 2018 and 2021, writing that of 2018.

2018 and 2021 share a COCO-like layout with 17 slots a person, two of them ears that are never labelled; 2021 also
boxes people without key points, and keeps the place of hidden joints. 2017 is a list of frames with head boxes and
points by number (`annolist`).

Left out are annotations of another category than person, of crowds, and without key points. Joints that the files mark
as hidden count as annotated, as in PoseTrack's own kit.

Our rendered benchmark adds one key to an annotation, `joint_flags`: 17 numbers, the bits of sequences.Persons.flags.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from base.errors import InputError
from base.files import write_text
from datasets.papers.posetrack_mat import read_mat
from datasets.video.coco import REMEDY, counts, person_category, read_json, slots
from datasets.video.images import read_image
from datasets.video.sequences import (
    JOINTS,
    Persons,
    Sequence,
    box_around,
    check_one_video,
    finite,
    in_order,
    persons,
    polygon,
)

SLOTS = (
    "nose",
    "head_bottom",
    "head_top",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
SLOT_OF = [SLOTS.index(joint) for joint in JOINTS]  # poseval's joint -> slot of the file
BONES = (
    (13, 14), (13, 12), (12, 8), (12, 9), (8, 7), (7, 6), (9, 10), (10, 11),
    (12, 2), (12, 3), (2, 1), (1, 0), (3, 4), (4, 5),
)  # fmt: skip
CATEGORY = {
    "supercategory": "person",
    "id": 1,
    "name": "person",
    "keypoints": list(SLOTS),
    "skeleton": [[SLOT_OF[a] + 1, SLOT_OF[b] + 1] for a, b in BONES],
}


def read_sequence(path: str | Path, root: str | Path, *, check_images: bool = True) -> Sequence:
    """One sequence of an annotation file in any of the three layouts; that of 2017 as JSON or as .mat.

    root: the folder below which the file's image names lie; check_images: whether every frame must be there. A file
    that gives no width and height costs one decoded frame. Raises InputError naming the file and the entry: not
    JSON, no category of persons, a wrong number of key points, an ignore region of fewer than 3 points, NaN, frames of
    several videos or out of order, an annotation without its image, an image that is missing.
    """
    path, root = Path(path), Path(root)
    content = read_mat(path) if path.suffix == ".mat" else read_json(path)
    try:
        sequence = _read_2017(content, path, root) if "annolist" in content else _read_2018(content, path, root)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        what = f"{type(error).__name__} {' '.join(str(error).split())}"
        raise InputError(f"{path}: is not laid out as PoseTrack's annotations ({what}); {REMEDY}") from None
    if check_images:
        for image in sequence.images:
            if not image.is_file():
                raise InputError(f"{image}: is missing, {path.name} lists it; fetch the images or mend the list")
    return sequence


def write_sequence(sequence: Sequence, path: str | Path, root: str | Path) -> Path:
    """Write the 2018 layout, whole or not at all; the images' names are relative to `root`."""
    return write_text(Path(path), json.dumps(as_json(sequence, Path(root))) + "\n")


def as_json(sequence: Sequence, root: Path) -> dict[str, list]:
    """The 2018 layout of a sequence: images, annotations, categories."""
    images = [_image_entry(sequence, index, root) for index in range(len(sequence.images))]
    annotations, order = [], np.zeros(len(images), int)
    for p, frame in enumerate(sequence.persons.frame):
        annotations.append(_annotation(sequence.persons, p, int(sequence.image_ids[frame]), int(order[frame])))
        order[frame] += 1
    return {"images": images, "annotations": annotations, "categories": [CATEGORY]}


def merged(parts: list[dict[str, list]]) -> dict[str, list]:
    """Several sequences in the 2018 layout as one COCO file, whose tools want an area: that of the box."""
    annotations = [annotation for part in parts for annotation in part["annotations"]]
    return {
        "images": [image for part in parts for image in part["images"]],
        "annotations": [a | {"area": a["bbox"][2] * a["bbox"][3]} for a in annotations],
        "categories": [CATEGORY],
    }


def frame_number(name: str) -> int:
    """Number of a frame by its file name: 0-based of six digits in 2018 and 2021, 1-based of eight in 2017."""
    digits = re.sub(r"\D", "", Path(name).stem)
    if not digits:
        raise InputError(f"{name}: has no frame number in its name; name the frames by number")
    return int(digits) - (len(digits) == 8)


def video_key(name: str) -> str:
    """What the years' names of one video share: 000017_bonn of 000017_bonn_train."""
    return re.sub(r"_(train|val|test)$", "", name)


def _read_2018(content: dict, path: Path, root: Path) -> Sequence:
    entries = content["images"]
    if not entries:
        raise InputError(f"{path}: lists no image; {REMEDY}")
    check_one_video([entry["file_name"] for entry in entries], path)
    in_order([frame_number(entry["file_name"]) for entry in entries], path)
    index = {entry["id"]: i for i, entry in enumerate(entries)}
    if len(index) < len(entries):
        raise InputError(f"{path}: two of its images have the same id; {REMEDY}")
    category = person_category(content, path)
    places = slots(category, JOINTS, SLOTS, path)
    images = tuple(root / entry["file_name"] for entry in entries)
    people = [a for a in content.get("annotations", ()) if a.get("keypoints") and counts(a, category)]
    rows = [_person_2018(annotation, index, *places, path) for annotation in people]
    return Sequence(
        name=Path(entries[0]["file_name"]).parent.name,
        images=images,
        image_ids=np.array([entry["id"] for entry in entries], np.int64),
        labelled=np.array([bool(entry.get("is_labeled", True)) for entry in entries]),
        size=_size(entries[0], images[0]),
        persons=persons(rows),
        ignore={i: p for i, entry in enumerate(entries) if (p := _polygons_2018(entry, path))},
    )


def _person_2018(annotation: dict, index: dict[int, int], order: list[int], count: int, path: Path) -> dict[str, Any]:
    where = f"{path}: annotation {annotation.get('id')}"
    values = np.array(annotation["keypoints"], float)
    if values.size != 3 * count:
        raise InputError(f"{where} has {values.size / 3:g} key points instead of {count}; {REMEDY}")
    if annotation["image_id"] not in index:
        raise InputError(f"{where} belongs to image {annotation['image_id']}, which is not listed; {REMEDY}")
    keypoints = finite(values, where).reshape(count, 3)[order]
    x, y, width, height = finite(np.array(annotation.get("bbox_head", (0, 0, 0, 0)), float), f"{where}, bbox_head")
    return {
        "frame": index[annotation["image_id"]],
        "track_id": annotation.get("track_id", -1),
        "keypoints": keypoints,
        "head_box": (x, y, x + width, y + height),
        "box": finite(np.array(annotation.get("bbox", box_around(keypoints)), float), f"{where}, bbox"),
        "flags": np.array(annotation.get("joint_flags", np.zeros(count)), np.uint8)[order],
    }


def _polygons_2018(entry: dict, path: Path) -> list[np.ndarray]:
    where = f"{path}: image {entry['id']}"
    xs, ys = entry.get("ignore_regions_x") or [], entry.get("ignore_regions_y") or []
    if [len(x) for x in xs] != [len(y) for y in ys]:
        raise InputError(f"{where}: ignore_regions_x and ignore_regions_y do not match; {REMEDY}")
    return [polygon(np.array([x, y], float).T, where) for x, y in zip(xs, ys, strict=True)]


def _read_2017(content: dict, path: Path, root: Path) -> Sequence:
    """Values stand in lists of one (`"x1": [625]`), image names may have escaped slashes."""
    entries = content["annolist"]
    if not entries:
        raise InputError(f"{path}: lists no image; {REMEDY}")
    names = [_only(entry["image"])["name"].replace("\\/", "/") for entry in entries]
    check_one_video(names, path)
    numbers = [frame_number(name) for name in names]
    in_order(numbers, path)
    images = tuple(root / name for name in names)
    rows = [_person_2017(rect, i, path) for i, entry in enumerate(entries) for rect in entry.get("annorect") or ()]
    return Sequence(
        name=Path(names[0]).parent.name,
        images=images,
        image_ids=np.array(numbers, np.int64),
        labelled=np.array([bool(_only(e.get("is_labeled", [bool(e.get("annorect"))]))) for e in entries]),
        size=_size({}, images[0]),
        persons=persons([row for row in rows if row]),
        ignore={i: p for i, entry in enumerate(entries) if (p := _polygons_2017(entry, path, i))},
    )


def _person_2017(rect: dict, frame: int, path: Path) -> dict[str, Any] | None:
    """None for a person of whom only the head is boxed."""
    where = f"{path}: person {_only(rect.get('track_id', -1))} of frame {frame}"
    annopoints = rect.get("annopoints")
    if not annopoints:
        return None
    keypoints = np.zeros((len(JOINTS), 3))
    for point in _only(annopoints)["point"]:
        joint = _only(point["id"])
        if joint not in range(len(JOINTS)):
            raise InputError(f"{where} has the key point {joint}, which PoseTrack's 15 do not; {REMEDY}")
        keypoints[int(joint)] = _only(point["x"]), _only(point["y"]), _only(point.get("is_visible", 1))
    finite(keypoints, where)
    return {
        "frame": frame,
        "track_id": _only(rect.get("track_id", -1)),
        "keypoints": keypoints,
        "head_box": finite(np.array([_only(rect[key]) for key in ("x1", "y1", "x2", "y2")], float), f"{where}, head"),
        "box": box_around(keypoints),
        "flags": np.zeros(len(JOINTS)),
    }


def _polygons_2017(entry: dict, path: Path, frame: int) -> list[np.ndarray]:
    regions = [region["point"] for region in entry.get("ignore_regions") or ()]
    where = f"{path}: frame {frame}"
    return [polygon(np.array([[_only(p["x"]), _only(p["y"])] for p in points]), where) for points in regions]


def _only(value: Any) -> Any:
    """The value of a list of one, or the value itself."""
    return value[0] if isinstance(value, list) else value


def _size(entry: dict, image: Path) -> tuple[int, int]:
    """(width, height) as the file says, else of the first frame."""
    if "width" in entry and "height" in entry:
        return int(entry["width"]), int(entry["height"])
    height, width = read_image(image).shape[:2]
    return width, height


def _image_entry(sequence: Sequence, index: int, root: Path) -> dict[str, Any]:
    image, number = sequence.images[index], int(sequence.image_ids[index])
    polygons = sequence.ignore.get(index, [])
    return {
        "file_name": image.relative_to(root).as_posix(),
        "id": number,
        "frame_id": number,
        "vid_id": sequence.name.split("_")[0],
        "nframes": len(sequence.images),
        "is_labeled": bool(sequence.labelled[index]),
        "has_no_densepose": True,
        "width": sequence.size[0],
        "height": sequence.size[1],
        "ignore_regions_x": [points[:, 0].tolist() for points in polygons],
        "ignore_regions_y": [points[:, 1].tolist() for points in polygons],
    }


def _annotation(people: Persons, p: int, image_id: int, order: int) -> dict[str, Any]:
    keypoints, flags = np.zeros((len(SLOTS), 3)), np.zeros(len(SLOTS), int)
    keypoints[SLOT_OF], flags[SLOT_OF] = people.keypoints[p], people.flags[p]
    x1, y1, x2, y2 = people.head_box[p].tolist()
    entry = {
        "id": image_id * 100 + order,
        "image_id": image_id,
        "track_id": int(people.track_id[p]),
        "category_id": 1,
        "iscrowd": False,
        "keypoints": keypoints.ravel().tolist(),
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "scores": [],
        "bbox": people.box[p].tolist(),
        "bbox_head": [x1, y1, x2 - x1, y2 - y1],
    }
    return entry | ({"joint_flags": flags.tolist()} if flags.any() else {})
