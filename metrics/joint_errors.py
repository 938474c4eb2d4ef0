"""Errors of predicted 3D joints, one number a frame.

Every function takes two arrays of the same shape, **predicted first, target second**: (..., J, 3) in
millimetres. None of them moves a pose to its root: where a protocol wants root-relative poses (all of ours
do), subtract the root first, as `metrics.protocols` does. Sums run in float64 whatever comes in.

Errors raised, by every function: InputError if the shapes differ, if the last axis is not x, y, z, if there
are no joints, or if a value is NaN or infinite.
"""

from collections.abc import Sequence

import numpy as np

from base.errors import InputError
from metrics.distances import Array, joint_distances, mpjpe, pair
from metrics.protocols import Metric

PCK_THRESHOLD = 150.0  # mm, MPI-INF-3DHP's
AUC_THRESHOLDS = tuple(range(0, 151, 5))  # mm, 31 of them; 0 is one, so that a perfect result gives 96.774


def p_mpjpe(predicted: Array, target: Array) -> Array:
    """Procrustes-aligned MPJPE (P2), in mm: MPJPE after the similarity that best fits the prediction.

    (..., J, 3), (..., J, 3) -> (...). See `procrustes_align` for the fit and for degenerate poses.
    """
    predicted, target = pair(predicted, target)
    return joint_distances(procrustes_align(predicted, target), target).mean(-1)


def n_mpjpe(predicted: Array, target: Array) -> Array:
    """Scale-normalised MPJPE, in mm: MPJPE after each predicted frame is scaled to fit best.

    (..., J, 3), (..., J, 3) -> (...). The scale of a frame is <p, g> / <p, p>, without any translation, so
    root-relative poses are expected. A prediction whose joints are all at the origin cannot be scaled: it
    stays there. Source: Rhodin et al., CVPR 2018, as VideoPose3D computes it.
    """
    predicted, target = pair(predicted, target)
    size = (predicted**2).sum((-2, -1))  # (...)
    scale = _ratio((predicted * target).sum((-2, -1)), size)
    return joint_distances(scale[..., None, None] * predicted, target).mean(-1)


def mpjve(predicted: Array, target: Array) -> Array:
    """Mean per-joint velocity error, in mm/frame: MPJPE of the first differences in time.

    (..., T, J, 3), (..., T, J, 3) -> (..., T-1); entry t is the step from frame t to t+1. All T frames must
    be consecutive frames of one sequence: `within_sequences` cuts a longer array. Source: Pavllo et al.,
    VideoPose3D, section 5.
    """
    return _of_differences(predicted, target, 1)


def acceleration_error(predicted: Array, target: Array) -> Array:
    """Mean per-joint acceleration error, in mm/frame²: MPJPE of x[t-1] - 2 x[t] + x[t+1].

    (..., T, J, 3), (..., T, J, 3) -> (..., T-2); entry t belongs to frame t+1. The two ends are not padded
    with zeros, as SmoothNet's code does in one place. All T frames must be consecutive frames of one
    sequence: `within_sequences` cuts a longer array. Source: Kanazawa et al., HMMR, section 5.
    """
    return _of_differences(predicted, target, 2)


def pck3d(predicted: Array, target: Array, threshold: float = PCK_THRESHOLD) -> Array:
    """Percentage of joints whose error is strictly below a threshold in mm.

    (..., J, 3), (..., J, 3) -> (...), 0 to 100; higher is better. Give only the joints that count (14 in
    MPI-INF-3DHP). Source: Mehta et al., 3DV 2017; strict as in the official evaluation scripts.
    """
    predicted, target = pair(predicted, target)
    return 100.0 * (joint_distances(predicted, target) < threshold).mean(-1)


def auc3d(predicted: Array, target: Array, thresholds: Sequence[float] = AUC_THRESHOLDS) -> Array:
    """Area under the PCK curve: the mean of PCK over thresholds of 0, 5, ..., 150 mm, in percent.

    (..., J, 3), (..., J, 3) -> (...); higher is better. No error is strictly below 0, so a perfect result
    gives 30 of 31, 96.774, as the official evaluation scripts do. Source: Mehta et al., 3DV 2017.
    """
    predicted, target = pair(predicted, target)
    distances = joint_distances(predicted, target)
    return sum(100.0 * (distances < threshold).mean(-1) for threshold in thresholds) / len(thresholds)


def procrustes_align(predicted: Array, target: Array) -> Array:
    """Each predicted pose moved onto its target by the similarity of least squared error.

    (..., J, 3), (..., J, 3) -> (..., J, 3). Scale, translation and a rotation without reflection: where the
    best orthogonal matrix reflects, the direction of the least singular value is turned round, and that
    singular value counts negatively in the scale. Always finite: a prediction whose joints all coincide has
    no scale and lands on the target's centroid, which is where least squares would put it; a target whose
    joints all coincide draws the whole prediction onto it. Source: Umeyama, PAMI 1991.
    """
    predicted, target = pair(predicted, target)
    centre = target.mean(-2, keepdims=True)
    p, g = _centred(predicted), _centred(target)  # (..., J, 3)
    u, singular, vt = np.linalg.svd(p.swapaxes(-1, -2) @ g)  # (..., 3, 3), (..., 3), (..., 3, 3)
    sign = np.ones_like(singular)
    sign[..., 2] = np.sign(np.linalg.det(u @ vt))
    scale = _ratio((singular * sign).sum(-1), (p**2).sum((-2, -1)))  # (...)
    return scale[..., None, None] * (p @ ((u * sign[..., None, :]) @ vt)) + centre


def _of_differences(predicted: Array, target: Array, order: int) -> Array:
    predicted, target = pair(predicted, target)
    if predicted.ndim < 3:
        raise InputError(f"a time axis is needed: shape (..., T, J, 3), got {predicted.shape}")
    return joint_distances(np.diff(predicted, order, axis=-3), np.diff(target, order, axis=-3)).mean(-1)


def _centred(pose: Array) -> Array:
    """The pose about its centroid, exactly 0 where only rounding keeps its joints apart."""
    centred = pose - pose.mean(-2, keepdims=True)
    largest = np.abs(pose).max((-2, -1), keepdims=True)
    flat = np.abs(centred).max((-2, -1), keepdims=True) <= 1e-12 * largest
    return np.where(flat, 0.0, centred)


def _ratio(numerator: Array, denominator: Array) -> Array:
    """numerator / denominator, and 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


# By the names of measurements; a new one stands here and in workflow/schemas/study.schema.yaml.
METRICS = {
    "mpjpe": Metric(mpjpe, "mm"),
    "p_mpjpe": Metric(p_mpjpe, "mm"),
    "n_mpjpe": Metric(n_mpjpe, "mm"),
    "mpjve": Metric(mpjve, "mm/frame", in_time=True),
    "acceleration_error": Metric(acceleration_error, "mm/frame^2", in_time=True),
    "pck3d": Metric(pck3d, "%"),
    "auc3d": Metric(auc3d, "%"),
}
