"""Sub-JHMDB annotations in the COCO-like form that MMPose publishes (docs/papers-data.md, Videos)."""

from pathlib import Path
from typing import Any

import numpy as np

from base.errors import InputError
from datasets.video.coco import REMEDY, counts, person_category, read_json, slots
from datasets.video.posetrack import frame_number
from datasets.video.sequences import Sequence, finite, in_order, persons

JOINTS = (
    "neck",
    "belly",
    "head",
    "right_shoulder",
    "left_shoulder",
    "right_hip",
    "left_hip",
    "right_elbow",
    "left_elbow",
    "right_knee",
    "left_knee",
    "right_wrist",
    "left_wrist",
    "right_ankle",
    "left_ankle",
)
FIRST = 1.0  # the files count pixels from 1, MATLAB's way


def read_jhmdb(path: str | Path, root: str | Path, *, check_images: bool = True) -> list[Sequence]:
    """All clips of one split's file, in its order; key points are JHMDB's 15 in JHMDB's order, pixels from 0.

    root: folder below which the image names lie. There are no head boxes: they are zeros. Annotations of another
    category than person and of crowds are left out, and joints with v = 0, which COCO's form calls not labelled.
    Raises InputError naming the file and the entry: a wrong number of key points, NaN, frames out of order, an
    annotation without its image, a missing image.
    """
    path = Path(path)
    return sequences_of(read_json(path), path, Path(root), check_images=check_images)


def sequences_of(content: Any, path: Path, root: Path, *, check_images: bool = True) -> list[Sequence]:
    """`read_jhmdb` of what a file holds; path: the file that messages name."""
    clips: dict[str, list[dict]] = {}
    try:
        for entry in content["images"]:
            clips.setdefault(Path(entry["file_name"]).parent.name, []).append(entry)
        category = person_category(content, path)
        order, count = slots(category, JOINTS, JOINTS, path)
        people: dict[int, list[dict]] = {entry["id"]: [] for entry in content["images"]}
        for annotation in content["annotations"]:
            if counts(annotation, category):
                _of_image(annotation, people, path).append(_person(annotation, order, count, path))
        sequences = [_clip(name, entries, people, path, root) for name, entries in clips.items()]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        what = f"{type(error).__name__} {' '.join(str(error).split())}"
        raise InputError(f"{path}: is not laid out as JHMDB's COCO form ({what}); {REMEDY}") from None
    if check_images:
        for image in (image for sequence in sequences for image in sequence.images):
            if not image.is_file():
                raise InputError(f"{image}: is missing, {path.name} lists it; fetch the images or mend the list")
    return sequences


def _clip(name: str, entries: list[dict], people: dict[int, list[dict]], path: Path, root: Path) -> Sequence:
    in_order([frame_number(entry["file_name"]) for entry in entries], path)
    rows = [row | {"frame": i} for i, entry in enumerate(entries) for row in people[entry["id"]]]
    return Sequence(
        name=name,
        images=tuple(root / entry["file_name"] for entry in entries),
        image_ids=np.array([entry["id"] for entry in entries], np.int64),
        labelled=np.array([bool(entry.get("is_labeled", True)) for entry in entries]),
        size=(int(entries[0]["width"]), int(entries[0]["height"])),
        persons=persons(rows, len(JOINTS)),
    )


def _of_image(annotation: dict, people: dict[int, list[dict]], path: Path) -> list[dict]:
    """The persons of an annotation's image, so far."""
    if annotation["image_id"] not in people:
        where = f"{path}: annotation {annotation.get('id')}"
        raise InputError(f"{where} belongs to image {annotation['image_id']}, which is not listed; {REMEDY}")
    return people[annotation["image_id"]]


def _person(annotation: dict, order: list[int], count: int, path: Path) -> dict:
    where = f"{path}: annotation {annotation.get('id')}"
    keypoints = np.array(annotation["keypoints"], float)
    if keypoints.size != 3 * count:
        raise InputError(f"{where} has {keypoints.size / 3:g} key points instead of {count}; {REMEDY}")
    keypoints = finite(keypoints, where).reshape(count, 3)[order]
    labelled = keypoints[:, 2] > 0
    keypoints[labelled, :2] -= FIRST
    keypoints[~labelled] = 0
    box = finite(np.array(annotation["bbox"], float), f"{where}, bbox")
    return {
        "track_id": annotation.get("track_id", 0),
        "keypoints": keypoints,
        "head_box": np.zeros(4),
        "box": box - [FIRST, FIRST, 0, 0],
        "flags": np.zeros(len(JOINTS)),
    }
