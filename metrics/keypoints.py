"""The accuracy of 2D key points in video: PoseTrack's AP, Sub-JHMDB's PCK."""

from metrics.pck import box_size, jhmdb_columns, pck, torso_size
from metrics.poseval import Persons, PoseTrackAP, ScoredVideo, annotated, pool, posetrack_ap, predicted, present_joints

__all__ = [
    "Persons",
    "PoseTrackAP",
    "ScoredVideo",
    "annotated",
    "box_size",
    "jhmdb_columns",
    "pck",
    "pool",
    "posetrack_ap",
    "predicted",
    "present_joints",
    "torso_size",
]
