"""PoseTrack's AP and Sub-JHMDB's PCK of top-down predictions on a prepared video data set. No torch in here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.video.annotations import Video
from datasets.video.instances import Instances
from metrics.pck import MEAN_GROUPS, MEAN_JOINTS, box_size, jhmdb_columns, pck
from metrics.poseval import PoseTrackAP, ScoredVideo, annotated, pool, posetrack_ap, predicted
from metrics.statistics import resample

GROUPS = {
    "Total": "ap",
    "Head": "ap_head",
    "Shou": "ap_shoulder",
    "Elb": "ap_elbow",
    "Wri": "ap_wrist",
    "Hip": "ap_hip",
    "Knee": "ap_knee",
    "Ankl": "ap_ankle",
}  # poseval's columns -> names of measurements
HIDDEN = "ap_hidden"
PCK_GROUPS = {
    MEAN_JOINTS: "pck",
    MEAN_GROUPS: "pck_groups",
    "Head": "pck_head",
    "Sho": "pck_shoulder",
    "Elb": "pck_elbow",
    "Wri": "pck_wrist",
    "Hip": "pck_hip",
    "Knee": "pck_knee",
    "Ank": "pck_ankle",
}  # columns of metrics.pck -> names of measurements


@dataclass(frozen=True)
class Scored:
    """A metric in percent; resamples: (R,) what it is in resamples of the videos (`metrics.statistics.resample`)."""

    value: float
    resamples: np.ndarray | None = None


def video_ap(
    sequences: Sequence[Video], instances: Instances, joints: np.ndarray, scores: np.ndarray, resampled: bool = False
) -> dict[str, Scored]:
    """AP by name: `ap` (the mean over joints), `ap_head`, ..., and `ap_hidden`; resampled: in resamples as well.

    instances : what was predicted, N persons; joints (N, 15, 2) pixels; scores (N, 15).
    `ap_hidden` is the mean over joints of those that the annotation flags as occluded, blurred or dropped out
    (`metrics.poseval.posetrack_ap`, flags); it is left out where nothing is flagged.
    """
    cluster = np.repeat(np.arange(len(sequences)), [len(sequence.labelled) for sequence in sequences])  # of each frame
    resamples = (cluster, resample(len(sequences))) if resampled else None
    videos = pool([_scene(i, sequence, instances, joints, scores) for i, sequence in enumerate(sequences)])
    by_group = _scored(posetrack_ap(*videos, resamples=resamples))
    ap = {name: by_group[group] for group, name in GROUPS.items()}
    flags = np.concatenate([sequence.persons.flags for sequence in sequences]) > 0
    if flags.any():
        ap[HIDDEN] = _scored(posetrack_ap(*videos, flags=flags, resamples=resamples))["Total"]
    return ap


def _scored(ap: PoseTrackAP) -> dict[str, Scored]:
    """By poseval's columns."""
    resamples = {} if ap.resampled is None else ap.resampled_columns
    return {column: Scored(value, resamples.get(column)) for column, value in ap.columns.items()}


def person_pck(instances: Instances, joints: np.ndarray, resampled: bool = False) -> dict[str, Scored]:
    """PCK@0.2 of Sub-JHMDB by name: `pck` (the mean of 15 joints, as mmpose has it), `pck_groups` (of the seven groups,
    as papers' columns), `pck_head`, ...; resampled: in resamples as well.

    instances : persons by their true boxes, whose longer side is the person's size; joints (N, 15, 2) pixels
    """
    truth, size = instances.keypoints[..., :2], box_size(instances.box)
    columns = jhmdb_columns(pck(joints, truth, size, present=instances.keypoints.any(-1)))
    resamples = _resampled_pck(instances, joints) if resampled else {}
    return {name: Scored(columns[column], resamples.get(column)) for column, name in PCK_GROUPS.items()}


def _resampled_pck(instances: Instances, joints: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of `metrics.pck.jhmdb_columns` in resamples of the clips, (R,) each."""
    clips = np.unique(instances.sequence, return_inverse=True)[1]
    size = box_size(instances.box)[:, None]
    near = np.linalg.norm(joints - instances.keypoints[..., :2], axis=-1) < 0.2 * size
    present = instances.keypoints.any(-1) & (size > 0)  # the persons that `pck` counts
    counts = resample(clips.max(initial=0) + 1)  # (R, Q)
    hits, all_of = (np.stack([np.bincount(clips, w, counts.shape[1]) for w in a.T]) for a in (near & present, present))
    with np.errstate(invalid="ignore"):
        shares = 100 * (counts @ hits.T) / (counts @ all_of.T)  # (R, 15)
    columns = [jhmdb_columns(share) for share in shares]
    return {column: np.array([c[column] for c in columns]) for column in PCK_GROUPS}


def _scene(number: int, sequence: Video, instances: Instances, joints: np.ndarray, scores: np.ndarray) -> ScoredVideo:
    here, persons = instances.sequence == number, sequence.persons
    truth = annotated(persons.frame, persons.keypoints, persons.head_box)
    predictions = predicted(instances.frame[here], joints[here], scores[here])
    return ScoredVideo(truth, predictions, sequence.labelled, sequence.ignore)
