"""Distances of predicted 3D joints, and P1: all that a training needs of the metrics.

Every function takes two arrays of the same shape, **predicted first, target second**: (..., J, 3) in millimetres. None
of them moves a pose to its root: where a protocol wants root-relative poses (all of ours do), subtract the root first,
as `metrics.protocols` does. Sums run in float64 whatever comes in.

An edit of this file or of `metrics.protocols` trains every lifting network again; of `metrics.joint_errors` none.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from base.errors import InputError

Array = np.ndarray


def mpjpe(predicted: Array, target: Array) -> Array:
    """Mean per-joint position error (P1): the mean over joints of the distance, in mm.

    (..., J, 3), (..., J, 3) -> (...). The root counts as one of the J joints (its error is 0 in
    root-relative poses). Source: Ionescu et al., Human3.6M, eq. 8.
    """
    predicted, target = pair(predicted, target)
    return joint_distances(predicted, target).mean(-1)


def joint_distances(predicted: Array, target: Array) -> Array:
    """Euclidean distance of each joint, in mm: (..., J, 3), (..., J, 3) -> (..., J). Unchecked."""
    return np.linalg.norm(predicted - target, axis=-1)


def segments(sequence: Array, times: Array | None = None) -> list[slice]:
    """The runs of consecutive frames of one sequence, in order, as slices of the rows.

    `sequence`: (N,) names; `times`: (N,) frame numbers. A run ends where the name changes and, given
    `times`, where the next frame number is not one more.
    """
    sequence = np.asarray(sequence)
    if len(sequence) == 0:
        return []
    cut = sequence[1:] != sequence[:-1]
    if times is not None:
        cut |= np.diff(np.asarray(times)) != 1
    edges = [0, *(np.flatnonzero(cut) + 1).tolist(), len(sequence)]
    return [slice(a, b) for a, b in pairwise(edges)]


def within_sequences(
    metric: Callable[[Array, Array], Array],
    predicted: Array,
    target: Array,
    sequence: Array,
    times: Array | None = None,
) -> tuple[Array, Array]:
    """A metric of differences (`mpjve`, `acceleration_error`) that never looks across two sequences.

    (N, J, 3) mm, (N, J, 3) mm, (N,) names, (N,) frame numbers -> (M,) values and the (M,) rows that each
    belongs to (the last frame it looks at). Runs too short for one difference give no value.
    """
    values, rows = [np.empty(0)], [np.empty(0, dtype=int)]
    for run in segments(sequence, times):
        error = metric(predicted[run], target[run])
        values.append(error)
        rows.append(np.arange(run.stop - len(error), run.stop))
    return np.concatenate(values), np.concatenate(rows)


def pair(predicted: Array, target: Array) -> tuple[Array, Array]:
    """Both arrays as float64.

    Raises InputError if the shapes differ, if the last axis is not x, y, z, if there are no joints, or if a value is
    NaN or infinite.
    """
    predicted, target = np.asarray(predicted, float), np.asarray(target, float)
    if predicted.shape != target.shape:
        raise InputError(f"predicted has shape {predicted.shape}, target {target.shape}: give both the same")
    if predicted.ndim < 2 or predicted.shape[-1] != 3 or predicted.shape[-2] == 0:
        raise InputError(f"joints need the shape (..., J, 3) with J at least 1, got {predicted.shape}")
    for name, array in (("predicted", predicted), ("target", target)):
        if not np.isfinite(array).all():
            raise InputError(f"{name} has {np.count_nonzero(~np.isfinite(array))} NaN or infinite values")
    return predicted, target
