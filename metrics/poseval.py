"""PoseTrack's per-frame AP, exactly as poseval computes it, on a whole data set at once.

Pixels, 0-based; persons are rows of arrays and say which frame they are in. The comments count poseval's
nine steps (docs/protocols.md). Two things differ on purpose. Where joint scores are equal, poseval's order
depends on the version of numpy; here equal scores keep their order in the file (by frame, then by row). Where no joint
at all is annotated, poseval prints 0.0; here there is no AP, which is nan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from base.errors import InputError
from metrics.marks import marks

JOINTS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    "head_bottom", "nose", "head_top",
)  # fmt: skip
COLUMNS = {
    "Head": (14, 12, 13), "Shou": (8, 9), "Elb": (7, 10), "Wri": (6, 11),
    "Hip": (2, 3), "Knee": (1, 4), "Ankl": (0, 5),
}  # fmt: skip
THRESHOLD = 0.5  # of the head size; a joint at exactly this distance is correct
HEAD_SHARE = 0.6  # of the diagonal of the head box
MISSING_SCORE = -9999.0  # what poseval takes for a predicted joint that comes without a score
PAIRS_AT_ONCE = 65536  # pairs of persons measured at a time, to bound memory

Ignore = Mapping[int, Sequence[np.ndarray]]  # frame -> polygons (K, 2)


@dataclass(frozen=True)
class Persons:
    """P persons, annotated or predicted. Built by `annotated` or `predicted`, which check what they are given.

    frame (P,) int; keypoints (P, 15, 2) pixels, in the order of JOINTS; present (P, 15) bool: absent joints' pixels
    are never looked at; scores (P, 15) of predictions; head_size (P,) pixels of annotated persons.
    """

    frame: np.ndarray
    keypoints: np.ndarray
    present: np.ndarray
    scores: np.ndarray | None = None
    head_size: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def rows(self, chosen: np.ndarray) -> "Persons":
        """The persons of these rows, in this order."""
        fields = (self.frame, self.keypoints, self.present, self.scores, self.head_size)
        return Persons(*(None if field is None else field[chosen] for field in fields))


@dataclass(frozen=True)
class PoseTrackAP:
    """AP of each joint in percent, (15,), and the number of annotated joints that each rests on, (15,).

    A joint that was predicted and never annotated has nan, one that was neither 0, as in poseval; where no joint at all
    is annotated, all have nan. With resamples also AP of each joint in each of them, (R, 15).
    """

    joints: np.ndarray
    annotated: np.ndarray
    resampled: np.ndarray | None = None

    @property
    def columns(self) -> dict[str, float]:
        """The printed columns: Head, Shou, Elb, Wri, Hip, Knee, Ankl (nan if one of their joints is) and Total.

        Total is the mean over joints that are not nan, not over columns: the head's three joints are 3 of 15.
        """
        return {name: float(value) for name, value in _columns(self.joints).items()}

    @property
    def resampled_columns(self) -> dict[str, np.ndarray]:
        """`columns` in each resample, (R,) each."""
        return _columns(self.resampled)


class ScoredVideo(NamedTuple):
    """What `posetrack_ap` needs of one sequence of F frames: labelled (F,) bool, ignore: frame -> polygons (K, 2)."""

    truth: Persons
    predictions: Persons
    labelled: np.ndarray
    ignore: Ignore


def annotated(frame: np.ndarray, keypoints: np.ndarray, head_box: np.ndarray) -> Persons:
    """Ground truth from an annotation file's arrays.

    frame (P,); keypoints (P, 15, 3) x, y, visibility, absent where all three are 0; head_box (P, 4) x1, y1, x2, y2.
    Raises InputError for wrong shapes and for NaN or infinite values.
    """
    keypoints = np.asarray(keypoints, float)
    _shape("keypoints", keypoints, (len(frame), len(JOINTS), 3))
    return _persons(frame, keypoints[..., :2], present_joints(keypoints), head_size=head_sizes(head_box))


def predicted(
    frame: np.ndarray, keypoints: np.ndarray, scores: np.ndarray, present: np.ndarray | None = None
) -> Persons:
    """Predictions: frame (P,); keypoints (P, 15, 2) pixels; scores (P, 15), higher is surer; present (P, 15) bool.

    Without `present` every joint counts as predicted, also one in the image's corner. Where a file gives a joint no
    score, MISSING_SCORE is poseval's choice. Raises InputError for wrong shapes and for NaN or infinite values.
    """
    keypoints = np.asarray(keypoints, float)
    present = np.ones(keypoints.shape[:2], bool) if present is None else present
    return _persons(frame, keypoints, present, scores=np.asarray(scores, float))


def present_joints(keypoints: np.ndarray) -> np.ndarray:
    """(..., J, 3) x, y, visibility or score -> (..., J) bool: absent only where all three are 0 (poseval's reader)."""
    return (np.asarray(keypoints) != 0).any(-1)


def head_sizes(head_box: np.ndarray) -> np.ndarray:
    """(P, 4) x1, y1, x2, y2 -> (P,) pixels: 0.6 of the diagonal. A box without extent gives 0: nothing hits it."""
    head_box = np.asarray(head_box, float)
    _shape("head_box", head_box, (len(head_box), 4))
    return HEAD_SHARE * np.linalg.norm(head_box[:, 2:] - head_box[:, :2], axis=-1)


def pool(scenes: Sequence[ScoredVideo]) -> ScoredVideo:
    """Several sequences as one, frames numbered on: `posetrack_ap(*pool(scenes))` is a data set's AP.

    Raises InputError without a sequence, and for persons in frames that their sequence does not have.
    """
    if not scenes:
        raise InputError("there are no sequences to score")
    lengths = [len(scene.labelled) for scene in scenes]
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    for scene, length in zip(scenes, lengths, strict=True):
        _frames_in_range(scene.truth, scene.predictions, length)
    return ScoredVideo(
        _concatenate([_shifted(scene.truth, start) for scene, start in zip(scenes, starts, strict=True)]),
        _concatenate([_shifted(scene.predictions, start) for scene, start in zip(scenes, starts, strict=True)]),
        np.concatenate([scene.labelled for scene in scenes]),
        {start + frame: p for scene, start in zip(scenes, starts, strict=True) for frame, p in scene.ignore.items()},
    )


def posetrack_ap(
    truth: Persons,
    predictions: Persons,
    labelled: np.ndarray,
    ignore: Ignore | None = None,
    flags: np.ndarray | None = None,
    resamples: tuple[np.ndarray, np.ndarray] | None = None,
) -> PoseTrackAP:
    """AP of each joint over all frames, in percent.

    labelled (F,) bool: frames that were annotated; the others never count, nor do annotated frames without a person.
    ignore: frame -> polygons (K, 2), whose inside is scored neither way; a point on the border is outside.
    flags (P, 15) bool, one row a row of `truth`: score flagged joints only. Persons are matched by all their joints
    as ever; then a predicted joint counts if it belongs to a matched person and the joint it stands against is
    annotated and flagged. All others are left out, as hits and as false positives: joints against unflagged or
    unannotated ones, and whole unmatched persons, who stand against nobody. So a random flag leaves AP about where
    it was, and numbers with and without flags are different quantities.
    resamples: (F,) the cluster of each frame, from 0, and (R, Q) how often each is in a resample.
    Where no joint is annotated in any labelled frame there is no AP: nan, also in a resample.
    Raises InputError for frames out of range, flags of another shape, missing scores or head sizes, bad polygons.
    Source: poseval, PoseTrack's official kit; docs/protocols.md has its nine steps.

    >>> joints = np.random.default_rng(0).uniform(0, 200, (1, 15, 2))  # pixels of one person in frame 0
    >>> truth = annotated(np.array([0]), np.dstack([joints, np.ones((1, 15))]), np.array([[0, 0, 20, 30]]))
    >>> posetrack_ap(truth, predicted(np.array([0]), joints, np.ones((1, 15))), np.array([True])).columns["Total"]
    100.0
    """
    labelled = marks("labelled", labelled)
    _check(truth, predictions, labelled, flags)
    scored = labelled & (np.bincount(truth.frame, minlength=len(labelled)) > 0)  # steps 1, 2
    rows = _in_frames(truth, scored)
    truth = _without_ignored(truth.rows(rows), ignore or {})
    predictions = _without_ignored(predictions.rows(_in_frames(predictions, scored)), ignore or {})
    counted = truth.present if flags is None else truth.present & marks("flags", flags)[rows]  # (P, 15)
    match = _match(truth, predictions)  # row of truth or -1
    correct, entered = _judge(truth, predictions, match, counted if flags is not None else None)
    positives = counted.sum(0)
    ap = [
        average_precision(predictions.scores[entered[:, j], j], correct[entered[:, j], j], int(positives[j]))
        for j in range(len(JOINTS))
    ]
    ap = np.where(positives.any(), ap, np.nan)
    if resamples is None:
        return PoseTrackAP(ap, positives)
    cluster, counts = resamples
    by_joint = [
        _resampled_ap(predictions.scores[rows, j], correct[rows, j], cluster[predictions.frame[rows]],
                      cluster[truth.frame[counted[:, j]]], counts)
        for j, rows in enumerate(entered.T)
    ]  # fmt: skip
    some = counts @ np.bincount(cluster[truth.frame], counted.sum(1), counts.shape[1]) > 0  # (R,)
    return PoseTrackAP(ap, positives, np.where(some[:, None], np.stack(by_joint, axis=-1), np.nan))


def average_precision(scores: np.ndarray, correct: np.ndarray, positives: int) -> float:
    """Area under the precision envelope, all points, in percent: scores (N,), correct (N,) bool -> 0 to 100.

    Precision at a hit is the best one at that rank or later; each hit adds 1 / positives of recall. Equal scores
    keep their order. Without entries 0; with entries and no positives nan. Source: VOC 2010, step 8.
    """
    if not len(scores):
        return 0.0
    if positives == 0:
        return float("nan")
    hit = correct[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return 100 * float(envelope[hit].sum() / positives)


def _resampled_ap(
    scores: np.ndarray, correct: np.ndarray, cluster: np.ndarray, positive: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """`average_precision` in each resample, (R,): an entry counts as often as its cluster was drawn.

    scores, correct, cluster (N,) of entries; positive (M,) clusters of annotated joints; counts (R, Q).
    """
    positives = counts @ np.bincount(positive, minlength=counts.shape[1])  # (R,)
    order = np.argsort(-scores, kind="stable")
    weight = counts.T[cluster[order]].T.astype(float)  # (R, N)
    hits = weight * correct[order]
    precision = np.cumsum(hits, 1) / np.maximum(np.cumsum(weight, 1), 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    ap = 100 * (envelope * hits).sum(1) / np.maximum(positives, 1)
    return np.where((positives == 0) & (weight.sum(1) > 0), np.nan, ap)


def strictly_inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """(N, 2), (K, 2) -> (N,) bool: inside by the even-odd rule; a point on an edge or a corner is outside.

    A line to the right is followed and crossings are counted; all tests use one cross product, which is exact for
    whole pixels and for upright rectangles. It answers as the geometry library that poseval calls, without it.
    """
    a, b = polygon, np.roll(polygon, -1, axis=0)  # edges from a to b, (K, 2)
    p = np.asarray(points, float)[:, None]  # (N, 1, 2)
    cross = (b - a)[:, 0] * (p - a)[..., 1] - (b - a)[:, 1] * (p - a)[..., 0]  # (N, K), > 0: p to the left
    on_edge = (cross == 0) & ((p >= np.minimum(a, b)) & (p <= np.maximum(a, b))).all(-1)
    spans = (a[:, 1] > p[..., 1]) != (b[:, 1] > p[..., 1])
    crossed = spans & ((cross > 0) == (b[:, 1] > a[:, 1]))
    return (crossed.sum(1) % 2 == 1) & ~on_edge.any(1)


def _columns(joints: np.ndarray) -> dict[str, np.ndarray]:
    """AP of joints (..., 15) -> the printed columns, (...) each; see `PoseTrackAP.columns`."""
    known = ~np.isnan(joints)
    with np.errstate(invalid="ignore"):  # nothing known: nan
        total = np.where(known, joints, 0).sum(-1) / known.sum(-1)
    return {name: joints[..., list(members)].mean(-1) for name, members in COLUMNS.items()} | {"Total": total}


def _in_frames(persons: Persons, scored: np.ndarray) -> np.ndarray:
    """Rows of the persons in scored frames, by frame and then in the given order."""
    rows = np.flatnonzero(scored[persons.frame])
    return rows[np.argsort(persons.frame[rows], kind="stable")]


def _without_ignored(persons: Persons, ignore: Ignore) -> Persons:
    """Step 4: joints strictly inside an ignore region are absent. Persons are sorted by frame.

    A person left without joints needs no removal: nothing matches it, and it enters nothing.
    """
    present = persons.present.copy()
    for frame, polygons in ignore.items():
        rows = slice(*np.searchsorted(persons.frame, [frame, frame + 1]))
        points = persons.keypoints[rows].reshape(-1, 2)
        for polygon in polygons if len(points) else ():
            present[rows] &= ~strictly_inside(points, _polygon(polygon, frame)).reshape(-1, len(JOINTS))
    return replace(persons, present=present)


def _match(truth: Persons, predictions: Persons) -> np.ndarray:
    """Step 6: (predicted persons,) the row of truth that each is matched to, or -1. Both are sorted by frame."""
    pred, gt = _pairs(predictions.frame, truth.frame)
    share = np.concatenate(
        [np.zeros(0), *(_share(truth, gt[k], predictions, pred[k]) for k in _chunks(len(pred), PAIRS_AT_ONCE))]
    )
    best = _first_best(pred, share)  # each prediction keeps its best person,
    best = best[_first_best(gt[best], share[best])]  # then each person takes its best prediction
    best = best[share[best] > 0]
    match = np.full(len(predictions), -1)
    match[pred[best]] = gt[best]
    return match


def _pairs(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of rows with the same frame, of two sorted (N,) frame columns: by left row, then by right row."""
    first, last = np.searchsorted(right, left, "left"), np.searchsorted(right, left, "right")
    count = last - first
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(np.arange(len(left)), count), np.repeat(first, count) + within


def _share(truth: Persons, gt: np.ndarray, predictions: Persons, pred: np.ndarray) -> np.ndarray:
    """(n,) share of each annotated person's joints that the predicted one hits."""
    return _hits(truth, gt, predictions, pred).sum(1) / np.maximum(truth.present[gt].sum(1), 1)


def _hits(truth: Persons, gt: np.ndarray, predictions: Persons, pred: np.ndarray) -> np.ndarray:
    """Step 5: (n, 15) bool, both joints are there and at most half a head size apart. Rows of each side, (n,)."""
    distance = np.linalg.norm(predictions.keypoints[pred] - truth.keypoints[gt], axis=-1)  # (n, 15)
    with np.errstate(divide="ignore", invalid="ignore"):  # a head of size 0: infinite or nan, never a hit
        near = distance / truth.head_size[gt, None] <= THRESHOLD
    return near & truth.present[gt] & predictions.present[pred]


def _first_best(key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Row of the greatest value of each key, by key; the first of equals."""
    order = np.lexsort((np.arange(len(key)), -value, key))
    return order[np.unique(key[order], return_index=True)[1]]


def _judge(
    truth: Persons, predictions: Persons, match: np.ndarray, only: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Step 7: which predicted joints are correct and which enter at all, two (P, 15) bool.

    only: (annotated persons, 15) the joints that alone are scored, or None for all.
    """
    matched = np.flatnonzero(match >= 0)
    correct = np.zeros_like(predictions.present)
    correct[matched] = _hits(truth, match[matched], predictions, matched)
    if only is None:
        return correct, predictions.present
    entered = np.zeros_like(predictions.present)
    entered[matched] = predictions.present[matched] & only[match[matched]]
    return correct, entered


def _chunks(n: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, n, size)]


def _persons(frame: np.ndarray, keypoints: np.ndarray, present: np.ndarray, **others: np.ndarray) -> Persons:
    """Persons after a look at every array."""
    frame, present = np.asarray(frame), marks("present", present)
    if frame.ndim != 1 or (len(frame) and (not np.issubdtype(frame.dtype, np.integer) or frame.min() < 0)):
        raise InputError(f"frame must be whole numbers (P,) from 0 on, got {frame.dtype} {frame.shape}")
    n = len(frame)
    _shape("keypoints", keypoints, (n, len(JOINTS), 2))
    _shape("present", present, (n, len(JOINTS)))
    for name, shape in {"scores": (n, len(JOINTS)), "head_size": (n,)}.items():
        if name in others:
            _shape(name, others[name], shape)
            _finite(name, np.where(present, others[name], 0.0) if name == "scores" else others[name])
    _finite("keypoints", np.where(present[..., None], keypoints, 0.0))
    return Persons(frame.astype(np.int64), keypoints, present, **others)


def _shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise InputError(f"{name} has shape {array.shape}, expected {shape}")


def _finite(name: str, array: np.ndarray) -> None:
    bad = ~np.isfinite(array).reshape(len(array), int(np.prod(array.shape[1:])))
    if bad.any():
        raise InputError(f"{name} of person {int(bad.any(1).argmax())} is NaN or infinite; mend its file")


def _polygon(polygon: np.ndarray, frame: int) -> np.ndarray:
    polygon = np.asarray(polygon, float)
    if polygon.ndim != 2 or polygon.shape[1:] != (2,) or len(polygon) < 3 or not np.isfinite(polygon).all():
        raise InputError(
            f"ignore region of frame {frame} is no polygon of three or more finite points: {polygon.shape}"
        )
    return polygon


def _check(truth: Persons, predictions: Persons, labelled: np.ndarray, flags: np.ndarray | None) -> None:
    if truth.head_size is None:
        raise InputError("the ground truth has no head sizes: build it with annotated()")
    if predictions.scores is None:
        raise InputError("the predictions have no scores: build them with predicted()")
    _frames_in_range(truth, predictions, len(labelled))
    if flags is not None:
        _shape("flags", np.asarray(flags), (len(truth), len(JOINTS)))


def _frames_in_range(truth: Persons, predictions: Persons, frames: int) -> None:
    for name, persons in {"ground truth": truth, "predictions": predictions}.items():
        if len(persons) and persons.frame.max() >= frames:
            raise InputError(f"the {name} name frame {persons.frame.max()}, but there are only {frames} frames")


def _shifted(persons: Persons, start: int) -> Persons:
    return replace(persons, frame=persons.frame + start)


def _concatenate(parts: Sequence[Persons]) -> Persons:
    fields = ("frame", "keypoints", "present", "scores", "head_size")
    columns = {name: [getattr(part, name) for part in parts] for name in fields}
    return Persons(**{name: None if column[0] is None else np.concatenate(column) for name, column in columns.items()})
