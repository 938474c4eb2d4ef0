"""Person boxes of a detector: COCO's list of image_id, category_id, bbox (x, y, width, height) and score."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from base.errors import InputError
from base.records import record
from datasets.video.annotations import finite
from datasets.video.coco import PERSON, REMEDY, CocoDetection, counts, person_category, read_json

NOT_LISTED = -1  # the id of an image that nobody knows by its name


@dataclass(frozen=True)
class Detections:
    """image_id (N,) int64; box (N, 4) float64: x, y, width, height in pixels; score (N,) float64."""

    image_id: np.ndarray
    box: np.ndarray
    score: np.ndarray

    def of(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (K, 4) and scores (K,) of one image, in the file's order; K may be 0."""
        rows = self.image_id == image_id
        return self.box[rows], self.score[rows]


def read_boxes(path: str | Path, image_ids: Mapping[str, int] | None = None) -> Detections:
    """Boxes of persons; a file may have none.

    A person is what has the category 1, as COCO numbers them, that which the file's own `categories` name `person`, or
    no category at all. image_ids: ids by names such as `000342_mpii_test/000000.jpg`, for files that give image_name
    for image_id, as PoseWarper's and DCPose's do; images that are not among them get NOT_LISTED.
    Raises InputError naming the file and the entry: not a list of detections, NaN, a box without extent, categories
    that count from 0.
    """
    path = Path(path)
    try:
        numbers, people = _people(read_json(path), path)
        ids = np.array([_image(detection, image_ids or {}) for detection in people], np.int64)
        box = np.array([detection.bbox for detection in people], float).reshape(-1, 4)
        score = np.array([detection.score for detection in people], float)
        if not len(ids) == len(box) == len(score):
            raise ValueError("boxes need 4 numbers")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a list of image_id, bbox and score ({error}); {REMEDY}") from None
    for i in np.flatnonzero(~np.isfinite(box).all(1) | ~np.isfinite(score) | (box[:, 2:] <= 0).any(1))[:1]:
        where = f"{path}: detection {numbers[i]}"
        finite(np.append(box[i], score[i]), where)
        raise InputError(f"{where} has no extent ({box[i].tolist()}); remove it")
    return Detections(ids, box, score)


def _people(content: Any, path: Path) -> tuple[list[int], list[CocoDetection]]:
    """The detections of persons and their numbers in the file: a list, or `annotations` beside `categories`."""
    named = isinstance(content, dict)
    category = person_category(content.get("categories") if named else None, path)
    detections = [record(CocoDetection, entry) for entry in (content["annotations"] if named else content)]
    if not named and any(detection.category_id == 0 for detection in detections):
        raise InputError(
            f"{path}: its categories count from 0, COCO's from {PERSON} (person); add 1 to each category_id"
        )
    numbers = [number for number, detection in enumerate(detections) if counts(detection, category)]
    return numbers, [detections[number] for number in numbers]


def _image(detection: CocoDetection, image_ids: Mapping[str, int]) -> int:
    if detection.image_id is not None or detection.image_name is None:
        return detection.image_id
    return image_ids.get("/".join(Path(detection.image_name).parts[-2:]), NOT_LISTED)
