"""The accuracy of 3D pose lifting: per-frame errors, and the papers' whole protocols."""

from collections.abc import Sequence

import numpy as np

from metrics import protocols
from metrics.distances import mpjpe, segments, within_sequences
from metrics.joint_errors import (
    METRICS,
    acceleration_error,
    auc3d,
    mpjve,
    n_mpjpe,
    p_mpjpe,
    pck3d,
    procrustes_align,
)
from metrics.protocols import HUMAN36M_BLOCKED, Frames, Resamples, denormalise, image_millimetres
from metrics.windows import average_windows

__all__ = [
    "HUMAN36M_BLOCKED",
    "Frames",
    "acceleration_error",
    "auc3d",
    "average_windows",
    "denormalise",
    "human36m",
    "image_millimetres",
    "mpi_inf_3dhp",
    "mpjpe",
    "mpjve",
    "n_mpjpe",
    "p_mpjpe",
    "pck3d",
    "pooled",
    "procrustes_align",
    "segments",
    "within_sequences",
]

Array = np.ndarray


def human36m(
    predictions: Array,
    joints: Array,
    factor: Array,
    width: Array | float,
    height: Array | float,
    action: Array,
    sequence: Array,
    *,
    keypoints: Array | None = None,
    times: Array | None = None,
    blocked: Sequence[str] = HUMAN36M_BLOCKED,
    ignore_exact: bool = True,
    resamples: Resamples | None = None,
) -> dict:
    """`metrics.protocols.human36m` of arrays, which `metrics.protocols.Frames` describes.

    >>> joints = np.random.default_rng(0).normal(0, 300, (4, 17, 3))  # mm in 2.5D image space
    >>> names = ["s_09_act_02_subact_01_ca_01"] * 4
    >>> found = human36m(np.zeros((4, 17, 3)), joints, np.full(4, 5.0), 1000, 1000, ["Directions"] * 4, names)
    >>> sorted(found["per_action"]), found["frames"]
    (['Directions'], 4)
    """
    frames = Frames(joints, width, height, sequence, action, factor, keypoints, times, resamples=resamples)
    return protocols.human36m(predictions, frames, METRICS, blocked=blocked, ignore_exact=ignore_exact)


def mpi_inf_3dhp(
    predictions: Array,
    targets: Array,
    valid: Array,
    sequence: Array,
    width: Array | float,
    height: Array | float,
    *,
    activity: Array | None = None,
    resamples: Resamples | None = None,
) -> dict:
    """`metrics.protocols.mpi_inf_3dhp` of arrays, which `metrics.protocols.Frames` describes.

    >>> poses = np.random.default_rng(0).normal(0, 300, (2, 17, 3))  # mm, univ_annot3
    >>> mpi_inf_3dhp(np.zeros((2, 17, 3)), poses, [1, 0], ["TS1", "TS1"], 2048, 2048)["frames"]
    1
    """
    frames = Frames(targets, width, height, sequence, activity, valid=valid, resamples=resamples)
    return protocols.mpi_inf_3dhp(predictions, frames, METRICS)


def pooled(predictions: Array, frames: Frames) -> dict:
    """`metrics.protocols.pooled` with every metric."""
    return protocols.pooled(predictions, frames, METRICS)
