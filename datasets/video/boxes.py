"""Person boxes of a detector: COCO's list of image_id, category_id, bbox (x, y, width, height) and score."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from base.errors import InputError
from base.files import write_text
from datasets.video.coco import PERSON, REMEDY, counts, person_category, read_json
from datasets.video.sequences import finite

NOT_LISTED = -1  # the id of an image that nobody knows by its name


@dataclass(frozen=True)
class Boxes:
    """image_id (N,) int64; box (N, 4) float64: x, y, width, height in pixels; score (N,) float64."""

    image_id: np.ndarray
    box: np.ndarray
    score: np.ndarray

    def of(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (K, 4) and scores (K,) of one image, in the file's order; K may be 0."""
        mine = self.image_id == image_id
        return self.box[mine], self.score[mine]


def read_boxes(path: str | Path, minimum: float = 0.0, image_ids: Mapping[str, int] | None = None) -> Boxes:
    """Boxes of persons with at least the score `minimum` (0.2 in the papers' protocol). None is allowed.

    A person is what has the category 1, as COCO numbers them, that which the file's own `categories` name `person`, or
    no category at all. image_ids: ids by names such as `000342_mpii_test/000000.jpg`, for files that give image_name
    for image_id, as PoseWarper's and DCPose's do; images that are not among them get NOT_LISTED.
    Raises InputError naming the file and the entry: not a list of detections, NaN, a box without extent, categories
    that count from 0.
    """
    path = Path(path)
    try:
        rows = _people(read_json(path), path)
        ids = np.array([_image(entry, image_ids or {}) for _, entry in rows], np.int64)
        box = np.array([entry["bbox"] for _, entry in rows], float).reshape(-1, 4)
        score = np.array([entry["score"] for _, entry in rows], float)
        if not len(ids) == len(box) == len(score):
            raise ValueError("boxes need 4 numbers")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a list of image_id, bbox and score ({error}); {REMEDY}") from None
    for i in np.flatnonzero(~np.isfinite(box).all(1) | ~np.isfinite(score) | (box[:, 2:] <= 0).any(1))[:1]:
        where = f"{path}: detection {rows[i][0]}"
        finite(np.append(box[i], score[i]), where)
        raise InputError(f"{where} has no extent ({box[i].tolist()}); remove it")
    keep = score >= minimum
    return Boxes(ids[keep], box[keep], score[keep])


def write_boxes(boxes: Boxes, path: str | Path) -> Path:
    """Write a detections file, whole or not at all."""
    rows = zip(boxes.image_id.tolist(), boxes.box.tolist(), boxes.score.tolist(), strict=True)
    entries = [{"image_id": i, "category_id": PERSON, "bbox": box, "score": score} for i, box, score in rows]
    return write_text(Path(path), json.dumps(entries) + "\n")


def _people(content: Any, path: Path) -> list[tuple[int, dict]]:
    """The detections of persons with their numbers in the file: a list, or `annotations` beside `categories`."""
    named = isinstance(content, dict)
    category = person_category(content if named else {}, path)
    entries = list(enumerate(content["annotations"] if named else content))
    if not named and any(entry.get("category_id") == 0 for _, entry in entries):
        raise InputError(
            f"{path}: its categories count from 0, COCO's from {PERSON} (person); add 1 to each category_id"
        )
    return [(number, entry) for number, entry in entries if counts(entry, category)]


def _image(entry: dict, image_ids: Mapping[str, int]) -> int:
    if "image_id" in entry or "image_name" not in entry:
        return entry["image_id"]
    return image_ids.get("/".join(Path(entry["image_name"]).parts[-2:]), NOT_LISTED)
