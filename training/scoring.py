"""PoseTrack's AP of top-down predictions on a prepared video data set. No torch in here: scoring needs none."""

from collections.abc import Sequence as List

import numpy as np

from datasets.topdown import Instances
from datasets.video.sequences import Sequence
from metrics.poseval import PoseTrackAP, Scene, annotated, pool, posetrack_ap, predicted
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


def video_ap(
    sequences: List[Sequence], instances: Instances, joints: np.ndarray, scores: np.ndarray
) -> dict[str, float]:
    """AP in percent by name: `ap` (the mean over joints), `ap_head`, ..., and `ap_hidden`.

    instances : what was predicted, N persons; joints (N, 15, 2) pixels; scores (N, 15).
    `ap_hidden` is the mean over joints of those that the annotation flags as occluded, blurred or dropped out
    (`metrics.poseval.posetrack_ap`, flags); it is left out where nothing is flagged.
    """
    found = _score(sequences, instances, joints, scores, None)
    return _named({name: ap.columns for name, ap in found.items()})


def resampled_ap(
    sequences: List[Sequence], instances: Instances, joints: np.ndarray, scores: np.ndarray
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
    sequences: List[Sequence],
    instances: Instances,
    joints: np.ndarray,
    scores: np.ndarray,
    resamples: tuple[np.ndarray, np.ndarray] | None,
) -> dict[str, PoseTrackAP]:
    pooled = pool([_scene(i, sequence, instances, joints, scores) for i, sequence in enumerate(sequences)])
    found = {"ap": posetrack_ap(*pooled, resamples=resamples)}
    flags = np.concatenate([sequence.persons.flags for sequence in sequences]) > 0
    return found | ({HIDDEN: posetrack_ap(*pooled, flags=flags, resamples=resamples)} if flags.any() else {})


def _scene(number: int, sequence: Sequence, instances: Instances, joints: np.ndarray, scores: np.ndarray) -> Scene:
    mine, persons = instances.sequence == number, sequence.persons
    truth = annotated(persons.frame, persons.keypoints, persons.head_box)
    found = predicted(instances.frame[mine], joints[mine], scores[mine])
    return Scene(truth, found, sequence.labelled, sequence.ignore)
