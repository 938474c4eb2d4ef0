"""COCO's form of JSON, which annotations of PoseTrack and JHMDB and the results of detectors share.

PoseTrack's kit wants one category with the name `person` and knows no crowds; pose toolboxes leave crowds out. Left out
are annotations of another category than person, of crowds, and without key points. Records hold what the files call
their keys; whatever else stands there is passed over.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from base.errors import InputError
from base.records import record
from datasets.video.annotations import (
    People,
    Person,
    Video,
    box_around,
    finite,
    frame_number,
    in_order,
    polygon,
)
from datasets.video.images import read_image

REMEDY = "fetch or convert the file again"
NAMELESS = "(no name)"
PERSON = 1  # COCO's number of the category, and PoseTrack's


@dataclass(frozen=True)
class CocoImage:
    """An image; ignore_regions_x, _y: coordinates of its polygons, of PoseTrack."""

    file_name: str
    id: int
    is_labeled: bool = True
    width: int | None = None
    height: int | None = None
    ignore_regions_x: Sequence[Sequence[float]] | None = None
    ignore_regions_y: Sequence[Sequence[float]] | None = None


@dataclass(frozen=True)
class CocoCategory:
    """What is annotated. keypoints: their names, where the file gives them."""

    id: int = PERSON
    name: str = "person"
    keypoints: Sequence[str] = ()


@dataclass(frozen=True)
class CocoPerson:
    """An annotation. keypoints: x, y, v of each slot; bbox, bbox_head: x, y, width, height in pixels.

    joint_flags: of our own rendered benchmark, the bits of `People.flags`.
    """

    image_id: int
    id: int | None = None
    keypoints: Sequence[float] | None = None
    bbox: Sequence[float] | None = None
    bbox_head: Sequence[float] = (0, 0, 0, 0)
    track_id: int = -1
    category_id: int | None = None
    iscrowd: bool = False
    joint_flags: Sequence[int] | None = None


@dataclass(frozen=True)
class CocoDetection:
    """A detector's box; image_name stands for image_id in the files of PoseWarper and DCPose."""

    bbox: Sequence[float]
    score: float
    image_id: int | None = None
    image_name: str | None = None
    category_id: int | None = None
    iscrowd: bool = False


@contextmanager
def laid_out(path: Path, form: str) -> Iterator[None]:
    """Whatever the body stumbles over becomes one line: the file is not laid out as `form` says."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        what = f"{type(error).__name__} {' '.join(str(error).split())}"
        raise InputError(f"{path}: is not laid out as {form} ({what}); {REMEDY}") from None


def read_json(path: Path) -> Any:
    """Content of a JSON file. Raises InputError naming it."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({' '.join(str(error).split())}); {REMEDY}") from None


def person_category(listed: Sequence[Mapping[str, Any]] | None, path: Path) -> CocoCategory:
    """The category of persons: the one with that name, or the only one if it has no name; PERSON where none is listed.

    Raises InputError naming the file unless there is exactly one.
    """
    categories = [record(CocoCategory, {"name": NAMELESS} | entry) for entry in listed or [{"id": PERSON}]]
    persons = [category for category in categories if str(category.name).lower() in ("person", NAMELESS)]
    if len(persons) != 1:
        names = ", ".join(str(category.name) for category in categories)
        raise InputError(f"{path}: one category 'person' is expected, its categories are {names}; {REMEDY}")
    return persons[0]


def counts(entry: CocoPerson | CocoDetection, category: CocoCategory) -> bool:
    """Whether an annotation or a detection is one person: of that category or of none, and no crowd."""
    return not entry.iscrowd and (entry.category_id is None or int(entry.category_id) == int(category.id))


def read_videos(
    content: Mapping[str, Any], path: Path, root: Path, joints: Sequence[str], slots: Sequence[str]
) -> list[Video]:
    """The videos of a file's content, one for each folder of images, in its order.

    joints: those wanted, in that order; slots: where the file keeps them if it does not say; path: the file that
    messages name; root: the folder below which image names lie. A file that gives no width and height costs one decoded
    frame of each video. Raises InputError for a wrong number of key points, NaN, frames out of order or with the same
    id, an annotation without its image, an ignore region of fewer than 3 points.
    """
    images = [record(CocoImage, entry) for entry in content["images"]]
    if not images:
        raise InputError(f"{path}: lists no image; {REMEDY}")
    if len(ids := {image.id for image in images}) < len(images):
        raise InputError(f"{path}: two of its images have the same id; {REMEDY}")
    category = person_category(content.get("categories"), path)
    entries = [record(CocoPerson, entry) for entry in content.get("annotations", ())]
    places = _places(category, joints, slots, path)
    people: dict[int, list[Person]] = {image_id: [] for image_id in ids}
    for entry in entries:
        if entry.keypoints and counts(entry, category):
            where = f"{path}: annotation {entry.id}"
            if entry.image_id not in people:
                raise InputError(f"{where} belongs to image {entry.image_id}, which is not listed; {REMEDY}")
            people[entry.image_id].append(_person(entry, places, where))
    clips: dict[str, list[CocoImage]] = {}
    for image in images:
        clips.setdefault(Path(image.file_name).parent.name, []).append(image)
    return [
        _video(name, clip, People.of([people[image.id] for image in clip], len(joints)), path, root)
        for name, clip in clips.items()
    ]


@dataclass(frozen=True)
class _Places:
    """Where a file keeps the joints: the slot of each, and how many slots there are."""

    order: list[int]
    count: int


def _places(category: CocoCategory, joints: Sequence[str], slots: Sequence[str], path: Path) -> _Places:
    names = list(category.keypoints or slots)
    if missing := [joint for joint in joints if joint not in names]:
        raise InputError(f"{path}: its categories lack the key point {missing[0]!r}; {REMEDY}")
    return _Places([names.index(joint) for joint in joints], len(names))


def _person(entry: CocoPerson, places: _Places, where: str) -> Person:
    values = np.array(entry.keypoints, float)
    if values.size != 3 * places.count:
        raise InputError(f"{where} has {values.size / 3:g} key points instead of {places.count}; {REMEDY}")
    keypoints = finite(values, where).reshape(places.count, 3)[places.order]
    x, y, width, height = finite(np.array(entry.bbox_head, float), f"{where}, bbox_head")
    box = box_around(keypoints) if entry.bbox is None else finite(np.array(entry.bbox, float), f"{where}, bbox")
    flags = np.zeros(places.count) if entry.joint_flags is None else np.array(entry.joint_flags)
    head_box = (x, y, x + width, y + height)
    return Person(entry.track_id, keypoints, box, head_box, flags.astype(np.uint8)[places.order])


def _video(name: str, images: list[CocoImage], people: People, path: Path, root: Path) -> Video:
    in_order([frame_number(image.file_name) for image in images], path)
    first, paths = images[0], tuple(root / image.file_name for image in images)
    stated = first.width is not None and first.height is not None
    return Video(
        name=name,
        images=paths,
        image_ids=np.array([image.id for image in images], np.int64),
        labelled=np.array([bool(image.is_labeled) for image in images]),
        size=(int(first.width), int(first.height)) if stated else read_image(paths[0]).shape[1::-1],
        persons=people,
        ignore={i: polygons for i, image in enumerate(images) if (polygons := _polygons(image, path))},
    )


def _polygons(image: CocoImage, path: Path) -> list[np.ndarray]:
    where = f"{path}: image {image.id}"
    xs, ys = image.ignore_regions_x or (), image.ignore_regions_y or ()
    if [len(x) for x in xs] != [len(y) for y in ys]:
        raise InputError(f"{where}: ignore_regions_x and ignore_regions_y do not match; {REMEDY}")
    return [polygon(np.array([x, y], float).T, where) for x, y in zip(xs, ys, strict=True)]
