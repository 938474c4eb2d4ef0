"""Person boxes of a detector, as a COCO list of detections: image_id, bbox (x, y, width, height), score."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.video.posetrack import REMEDY, read_json
from datasets.video.sequences import finite
from studies.errors import InputError
from studies.files import write_text


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


def read_boxes(path: str | Path, minimum: float = 0.0) -> Boxes:
    """Boxes with at least the score `minimum` (0.2 in the papers' protocol, spec 3.3). An empty list is allowed.

    Raises InputError naming the file and the entry: not a list of detections, NaN, a box without extent.
    """
    path = Path(path)
    entries = read_json(path)
    try:
        ids = np.array([entry["image_id"] for entry in entries], np.int64)
        box = np.array([entry["bbox"] for entry in entries], float).reshape(-1, 4)
        score = np.array([entry["score"] for entry in entries], float)
        if not len(ids) == len(box) == len(score):
            raise ValueError("boxes need 4 numbers")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not a list of image_id, bbox and score ({error}); {REMEDY}") from None
    for i in np.flatnonzero(~np.isfinite(box).all(1) | ~np.isfinite(score) | (box[:, 2:] <= 0).any(1))[:1]:
        finite(np.append(box[i], score[i]), f"{path}: detection {i}")
        raise InputError(f"{path}: detection {i} has no extent ({box[i].tolist()}); remove it")
    keep = score >= minimum
    return Boxes(ids[keep], box[keep], score[keep])


def write_boxes(boxes: Boxes, path: str | Path) -> Path:
    """Write a detections file, whole or not at all."""
    rows = zip(boxes.image_id.tolist(), boxes.box.tolist(), boxes.score.tolist(), strict=True)
    entries = [{"image_id": i, "category_id": 1, "bbox": box, "score": score} for i, box, score in rows]
    return write_text(Path(path), json.dumps(entries) + "\n")
