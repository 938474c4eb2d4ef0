"""PoseTrack's AP of top-down predictions on a prepared video data set. No torch in here: scoring needs none."""

from collections.abc import Sequence as List

import numpy as np

from datasets.topdown import Instances
from datasets.video.sequences import Sequence
from metrics.poseval import Scene, annotated, pool, posetrack_ap, predicted

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
    scenes = [_scene(i, sequence, instances, joints, scores) for i, sequence in enumerate(sequences)]
    pooled = pool(scenes)
    columns = posetrack_ap(*pooled).columns
    values = {name: columns[column] for column, name in GROUPS.items()}
    flags = np.concatenate([sequence.persons.flags for sequence in sequences]) > 0
    return values | ({HIDDEN: posetrack_ap(*pooled, flags=flags).columns["Total"]} if flags.any() else {})


def _scene(number: int, sequence: Sequence, instances: Instances, joints: np.ndarray, scores: np.ndarray) -> Scene:
    mine, persons = instances.sequence == number, sequence.persons
    truth = annotated(persons.frame, persons.keypoints, persons.head_box)
    found = predicted(instances.frame[mine], joints[mine], scores[mine])
    return Scene(truth, found, sequence.labelled, sequence.ignore)
