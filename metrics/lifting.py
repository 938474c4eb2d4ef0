"""The accuracy of 3D pose lifting: per-frame errors, and the papers' whole protocols."""

from metrics.joint_errors import (
    acceleration_error,
    auc3d,
    mpjpe,
    mpjve,
    n_mpjpe,
    p_mpjpe,
    pck3d,
    procrustes_align,
    segments,
    within_sequences,
)
from metrics.protocols import HUMAN36M_BLOCKED, denormalise, human36m, image_millimetres, mpi_inf_3dhp, pooled
from metrics.windows import average_windows

__all__ = [
    "HUMAN36M_BLOCKED",
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
