"""PoseTrack's annotations in any of its years' layouts; that of 2017, JSON or .mat, is read here.

It is a list of frames with head boxes and points by number (`annolist`). Values stand in lists of one (`"x1": [625]`),
image names may have escaped slashes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from base.errors import InputError
from base.records import Record, record
from datasets.papers.matlab import read_mat
from datasets.video.annotations import (
    JOINTS,
    People,
    Person,
    Video,
    box_around,
    check_one_video,
    finite,
    frame_number,
    in_order,
    polygon,
)
from datasets.video.coco import REMEDY, laid_out, read_json
from datasets.video.images import read_image
from datasets.video.posetrack import FORM, sequence_of


@dataclass(frozen=True)
class _Frame:
    image: Mapping
    annorect: object = None
    ignore_regions: object = None
    is_labeled: float | None = None


@dataclass(frozen=True)
class _Image:
    name: str


@dataclass(frozen=True)
class _Head:
    """A person by the corners of the head's box; annopoints: the key points, where there are any."""

    x1: float | None = None
    y1: float | None = None
    x2: float | None = None
    y2: float | None = None
    track_id: float = -1
    annopoints: Mapping | None = None


@dataclass(frozen=True)
class _Points:
    point: object


@dataclass(frozen=True)
class _Point:
    x: float
    y: float
    id: int | None = None
    is_visible: float | None = 1


def read_any_year(path: str | Path, root: str | Path) -> Video:
    """One sequence of an annotation file: the layout of 2017 as JSON or as .mat, or that of 2018 and 2021.

    Arguments and errors as of `datasets.video.posetrack.read_sequence`.
    """
    path, root = Path(path), Path(root)
    if path.suffix == ".mat":
        content = {name: _plain(value) for name, value in read_mat(path, "annolist").items()}
    else:
        content = read_json(path)
        if "annolist" not in content:
            return sequence_of(content, path, root)
    with laid_out(path, FORM):
        video = _video([_opened(_Frame, entry) for entry in content["annolist"]], path, root)
    return video.check_images(path)


def _plain(value: Any) -> Any:
    """Struct arrays as lists of dictionaries, arrays of numbers and cells as lists: one alone is a list of one."""
    if isinstance(value, dict):
        return {name: _plain(field) for name, field in value.items()}
    return [_plain(item) for item in value.ravel().tolist()] if isinstance(value, np.ndarray) else value


def _video(frames: list[_Frame], path: Path, root: Path) -> Video:
    if not frames:
        raise InputError(f"{path}: lists no image; {REMEDY}")
    names = [_opened(_Image, frame.image).name.replace("\\/", "/") for frame in frames]
    check_one_video(names, path)
    numbers = [frame_number(name) for name in names]
    in_order(numbers, path)
    heads = [[_opened(_Head, head) for head in _listed(frame.annorect)] for frame in frames]
    people = [[_person(h, i, path) for h in row if h.annopoints] for i, row in enumerate(heads)]  # others: a head alone
    labelled = [bool(row) if f.is_labeled is None else bool(f.is_labeled) for f, row in zip(frames, heads, strict=True)]
    return Video(
        name=Path(names[0]).parent.name,
        images=tuple(root / name for name in names),
        image_ids=np.array(numbers, np.int64),
        labelled=np.array(labelled),
        size=read_image(root / names[0]).shape[1::-1],
        persons=People.of(people),
        ignore={i: polygons for i, frame in enumerate(frames) if (polygons := _polygons(frame, i, path))},
    )


def _person(head: _Head, frame: int, path: Path) -> Person:
    where = f"{path}: person {head.track_id} of frame {frame}"
    keypoints = np.zeros((len(JOINTS), 3))
    for point in _points(head.annopoints):
        if point.id not in range(len(JOINTS)):
            raise InputError(f"{where} has the key point {point.id}, which PoseTrack's 15 do not; {REMEDY}")
        keypoints[int(point.id)] = point.x, point.y, point.is_visible
    finite(keypoints, where)
    head_box = finite(np.array([head.x1, head.y1, head.x2, head.y2], float), f"{where}, head")
    return Person(head.track_id, keypoints, box_around(keypoints), head_box)


def _polygons(frame: _Frame, number: int, path: Path) -> list[np.ndarray]:
    regions = [_points(region) for region in _listed(frame.ignore_regions)]
    return [polygon(np.array([[p.x, p.y] for p in points]), f"{path}: frame {number}") for points in regions]


def _points(holder: object) -> list[_Point]:
    return [_opened(_Point, point) for point in _listed(_opened(_Points, holder).point)]


def _opened(kind: type[Record], entry: Mapping) -> Record:
    """A record of an entry whose values stand in lists of one; None where a list is empty."""
    return record(kind, {key: _only(value) for key, value in entry.items()})


def _only(value: object) -> object:
    return (value[0] if value else None) if isinstance(value, list) and len(value) < 2 else value


def _listed(value: object) -> list:
    """The values of a list that `_only` may have opened."""
    return value if isinstance(value, list) else [] if value is None else [value]
