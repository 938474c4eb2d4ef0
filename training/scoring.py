"""PoseTrack's AP and Sub-JHMDB's PCK of top-down predictions on a prepared video data set. No torch in here."""

from collections.abc import Sequence

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


def video_ap(
    sequences: Sequence[Video], instances: Instances, joints: np.ndarray, scores: np.ndarray
) -> dict[str, float]:
    """AP in percent by name: `ap` (the mean over joints), `ap_head`, ..., and `ap_hidden`.

    instances : what was predicted, N persons; joints (N, 15, 2) pixels; scores (N, 15).
    `ap_hidden` is the mean over joints of those that the annotation flags as occluded, blurred or dropped out
    (`metrics.poseval.posetrack_ap`, flags); it is left out where nothing is flagged.
    """
    found = _score(sequences, instances, joints, scores, None)
    return _named({name: ap.columns for name, ap in found.items()})


def person_pck(instances: Instances, joints: np.ndarray) -> dict[str, float]:
    """PCK@0.2 of Sub-JHMDB in percent by name: `pck` (the mean of 15 joints, as mmpose has it), `pck_groups` (of the
    seven groups, as papers' columns), `pck_head`, ...

    instances : persons by their true boxes, whose longer side is the person's size; joints (N, 15, 2) pixels
    """
    truth, size = instances.keypoints[..., :2], box_size(instances.box)
    by_joint = pck(joints, truth, size, present=instances.keypoints.any(-1))
    columns = jhmdb_columns(by_joint)
    return {name: columns[column] for column, name in PCK_GROUPS.items()}


def resampled_pck(instances: Instances, joints: np.ndarray) -> dict[str, np.ndarray]:
    """What `person_pck` gives, in resamples of the clips (`metrics.statistics.resample`), (R,) each."""
    clips = np.unique(instances.sequence, return_inverse=True)[1]
    size = box_size(instances.box)[:, None]
    near = np.linalg.norm(joints - instances.keypoints[..., :2], axis=-1) < 0.2 * size
    present = instances.keypoints.any(-1) & (size > 0)  # the persons that `pck` counts
    counts = resample(clips.max(initial=0) + 1)  # (R, Q)
    hits, all_of = (np.stack([np.bincount(clips, w, counts.shape[1]) for w in a.T]) for a in (near & present, present))
    with np.errstate(invalid="ignore"):
        shares = 100 * (counts @ hits.T) / (counts @ all_of.T)  # (R, 15)
    columns = [jhmdb_columns(share) for share in shares]
    return {name: np.array([c[column] for c in columns]) for column, name in PCK_GROUPS.items()}


def resampled_ap(
    sequences: Sequence[Video], instances: Instances, joints: np.ndarray, scores: np.ndarray
) -> dict[str, np.ndarray]:
    """What `video_ap` gives, in resamples of the sequences (`metrics.statistics.resample`), (R,) each."""
    cluster = np.repeat(np.arange(len(sequences)), [len(sequence.labelled) for sequence in sequences])  # of each frame
    found = _score(sequences, instances, joints, scores, (cluster, resample(len(sequences))))
    return _named({name: ap.resampled_columns for name, ap in found.items()})


def _named(columns: dict[str, dict]) -> dict:
    """Poseval's columns of all joints and of hidden ones by the names of measurements."""
    hidden = {HIDDEN: columns[HIDDEN]["Total"]} if HIDDEN in columns else {}
    return {name: columns["ap"][column] for column, name in GROUPS.items()} | hidden


def _score(
    sequences: Sequence[Video],
    instances: Instances,
    joints: np.ndarray,
    scores: np.ndarray,
    resamples: tuple[np.ndarray, np.ndarray] | None,
) -> dict[str, PoseTrackAP]:
    pooled = pool([_scene(i, sequence, instances, joints, scores) for i, sequence in enumerate(sequences)])
    found = {"ap": posetrack_ap(*pooled, resamples=resamples)}
    flags = np.concatenate([sequence.persons.flags for sequence in sequences]) > 0
    return found | ({HIDDEN: posetrack_ap(*pooled, flags=flags, resamples=resamples)} if flags.any() else {})


def _scene(number: int, sequence: Video, instances: Instances, joints: np.ndarray, scores: np.ndarray) -> ScoredVideo:
    mine, persons = instances.sequence == number, sequence.persons
    truth = annotated(persons.frame, persons.keypoints, persons.head_box)
    found = predicted(instances.frame[mine], joints[mine], scores[mine])
    return ScoredVideo(truth, found, sequence.labelled, sequence.ignore)
