"""OKS AP (COCO's key-point AP) through pycocotools, from the arrays that poseval's AP takes.

Not PoseTrack's metric: ignore regions are unknown to it, and predictions in labelled frames without a person count
as false. Sigmas are COCO's, which mmpose takes for PoseTrack too; its eyes' sigmas stand for head_bottom, head_top.
"""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from metrics.poseval import JOINTS, Persons
from studies.errors import InputError

SIGMA = {
    "nose": 0.026, "head_bottom": 0.025, "head_top": 0.025, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089,
}  # fmt: skip
SIGMAS = np.array([SIGMA[name.removeprefix("left_").removeprefix("right_")] for name in JOINTS])
STATS = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")


def oks_ap(
    truth: Persons,
    predictions: Persons,
    labelled: np.ndarray,
    area: np.ndarray,
    person_scores: np.ndarray | None = None,
) -> dict[str, float]:
    """The ten numbers of COCO's key-point evaluation, in percent, by the names of STATS; nan where nothing counts.

    labelled (F,) bool: the frames that count; area (P,) pixels²: the annotated persons' areas, as their file has
    them; person_scores: one a predicted person (default: the mean of its joint scores). At most 20 persons a frame.
    Raises InputError if an array has the wrong length, an area is not positive or a frame is out of range.
    """
    labelled, area = np.asarray(labelled, bool), np.asarray(area, float)
    scores = _person_scores(predictions) if person_scores is None else np.asarray(person_scores, float)
    _check(truth, predictions, labelled, area, scores)
    images = [{"id": int(frame)} for frame in np.flatnonzero(labelled)]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        run = COCOeval(
            _coco(images, _annotations(truth, labelled, {"area": area})),
            _coco(images, _annotations(predictions, labelled, {"area": _extent(predictions), "score": scores})),
            "keypoints",
        )
        run.params.kpt_oks_sigmas = SIGMAS
        run.evaluate()
        run.accumulate()
        run.summarize()
    return dict(zip(STATS, np.where(run.stats < 0, np.nan, 100 * run.stats).tolist(), strict=True))


def _coco(images: list[dict], annotations: list[dict]) -> COCO:
    coco = COCO()
    coco.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    coco.createIndex()
    return coco


def _annotations(persons: Persons, labelled: np.ndarray, columns: dict[str, np.ndarray]) -> list[dict]:
    """One dictionary a person of a labelled frame; absent joints are (0, 0, 0)."""
    seen = persons.present[..., None]
    flat = np.concatenate([np.where(seen, persons.keypoints, 0), 2 * seen], -1).reshape(-1, 3 * len(JOINTS))  # (P, 45)
    low, sides = _bounds(persons)
    return [
        {
            "id": row + 1,  # pycocotools takes an id of 0 for "not matched"
            "image_id": int(persons.frame[row]),
            "category_id": 1,
            "iscrowd": 0,
            "num_keypoints": int(persons.present[row].sum()),
            "keypoints": flat[row].tolist(),
            "bbox": [*low[row].tolist(), *sides[row].tolist()],
        }
        | {name: float(column[row]) for name, column in columns.items()}
        for row in np.flatnonzero(labelled[persons.frame]).tolist()
    ]


def _bounds(persons: Persons) -> tuple[np.ndarray, np.ndarray]:
    """Lower corner and sides of the present joints' bounds, two (P, 2); 0 where there are none."""
    seen = persons.present[..., None]
    low = np.where(seen, persons.keypoints, np.inf).min(1)
    high = np.where(seen, persons.keypoints, -np.inf).max(1)
    some = persons.present.any(1)[:, None]
    return np.where(some, low, 0.0), np.where(some, high - low, 0.0)


def _extent(persons: Persons) -> np.ndarray:
    """(P,) area of the joints' bounds, which sorts predictions into medium and large, as pycocotools does."""
    return _bounds(persons)[1].prod(-1)


def _person_scores(persons: Persons) -> np.ndarray:
    """(P,) mean score of the present joints."""
    return np.where(persons.present, persons.scores, 0).sum(1) / np.maximum(persons.present.sum(1), 1)


def _check(truth: Persons, predictions: Persons, labelled: np.ndarray, area: np.ndarray, scores: np.ndarray) -> None:
    if area.shape != (len(truth),) or scores.shape != (len(predictions),):
        raise InputError(f"area must be ({len(truth)},) and person_scores ({len(predictions)},), "
                         f"got {area.shape} and {scores.shape}")  # fmt: skip
    if not (np.isfinite(area) & (area > 0)).all():
        raise InputError("area has values that are not positive: give the areas of the annotation file")
    if not np.isfinite(scores).all():
        raise InputError("person_scores has NaN or infinite values")
    for name, persons in {"ground truth": truth, "predictions": predictions}.items():
        if len(persons) and persons.frame.max() >= len(labelled):
            raise InputError(f"the {name} name frame {persons.frame.max()}, but there are only {len(labelled)} frames")
