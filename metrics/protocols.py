"""The papers' whole protocols: from a network's normalised outputs to the number that a table prints.

All of them take one row a frame, in the order of the data, and return plain numbers, ready for JSON:
each metric's value (mm; mm/frame for mpjve; mm/frame² for acceleration_error; percent for pck3d and auc3d),
the same in groups, mm per joint, and how many frames were scored and left out. A value that no frame can
give (a velocity from single frames) is None, and groups where it is None stay out of its mean.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from base.errors import InputError
from base.human36m import HUMAN36M_BLOCKED, take_of
from metrics.distances import joint_distances, mpjpe, within_sequences
from metrics.marks import marks
from metrics.statistics import resampled_mean

JOINTS = 17
HUMAN36M_ROOT = 0
MPI_INF_3DHP_ROOT = 14
MPI_INF_3DHP_PCK_JOINTS = slice(0, 14)  # all but pelvis, spine and head
NO_NAMES = ("", "nan", "None", "<NA>")  # how missing values look as text

Array = np.ndarray
Values = dict[str, tuple[Array, Array]]  # metric -> its values (M,) and the row each belongs to (M,)
Resamples = tuple[Array, Array]  # (N,) the cluster of each row, from 0; (R, Q) of metrics.statistics.resample


@dataclass(frozen=True)
class Metric:
    """A metric of lifted poses.

    error: poses (N, J, 3) in mm and their truth -> a value a frame, in `unit`; in_time: of differences between frames
    """

    error: Callable[[Array, Array], Array]
    unit: str
    in_time: bool = False


Metrics = Mapping[str, Metric]  # by the names of measurements
P1 = {"mpjpe": Metric(mpjpe, "mm")}  # `metrics.joint_errors.METRICS` has all of them


@dataclass(frozen=True)
class Frames:
    """What a protocol scores: N frames, one row each, in the order of the data.

    joints: (N, 17, 3) mm; width, height: pixels of the image, (N,) or one number; sequence: (N,) names;
    action: (N,) names, which MPI-INF-3DHP can do without; factor: (N,) mm a pixel, `2.5d_factor`, where the joints are
    `joints_2.5d_image`; keypoints: (N, 17, 2) normalised network inputs, which overwrite the predicted x and y (the
    "ground-truth 2D" columns, so a depth error only); times: (N,) frame numbers, so that velocities do not reach across
    missing frames; valid: (N,) 1 or True where the frame counts, all where there is none; resamples: clusters of rows
    to bootstrap, which adds "resampled": metric -> (R,), over the groups that a resample holds.
    """

    joints: Array
    width: Array | float
    height: Array | float
    sequence: Array
    action: Array | None = None
    factor: Array | None = None
    keypoints: Array | None = None
    times: Array | None = None
    valid: Array | None = None
    resamples: Resamples | None = None


def human36m(
    predictions: Array,
    frames: Frames,
    metrics: Metrics,
    *,
    blocked: Sequence[str] = HUMAN36M_BLOCKED,
    ignore_exact: bool = True,
) -> dict:
    """Human3.6M as MotionBERT, PoseMamba and SasMamba score it: the unweighted mean over actions.

    predictions: (N, 17, 3) network outputs, normalised; metrics: what is wanted, mpjpe at least; blocked: sequences,
    without their camera (s_09_act_05_subact_02), that are not scored; ignore_exact: leave out frames whose MPJPE is
    exactly 0, as the released code does (an action with no other frame keeps them).

    The 2.5D image space scaled to mm is not the camera space of VideoPose3D: numbers do not compare.
    Returns each metric, "per_action", "per_joint" (17 numbers in mm whose mean is mpjpe), "frames"
    scored, "blocked_frames" and "ignored_frames". PCK and AUC take all 17 joints.
    Raises InputError on wrong shapes, NaN, sizes or factors that are not positive, or nothing left to score.
    Source: MotionBERT's `train.py`, whose evaluation PoseMamba and SasMamba inherit.
    """
    n = _count(predictions, frames.joints)
    action, sequence = _names("action", frames.action, n), _names("sequence", frames.sequence, n)
    hidden = np.isin([take_of(name) for name in sequence], list(blocked))
    if hidden.all():
        raise InputError(f"all {n} frames belong to blocked sequences: nothing to score")
    values, distances = _image_scores(predictions, frames, metrics, sequence, ~hidden)
    action = action[~hidden]
    ignored = _exact_frames(values["mpjpe"][0], action) & ignore_exact
    values = _without(values, metrics, ignored)
    per_joint = _group_means(distances[~ignored], action[~ignored])
    groups = _by_group(values, action)
    resampled = _resampled(values, frames.resamples, ~hidden, np.unique(action, return_inverse=True)[1])
    return (
        _mean_over(groups)
        | resampled
        | {
            "per_action": groups,
            "per_joint": np.mean(list(per_joint.values()), axis=0).tolist(),
            "frames": int((~ignored).sum()),
            "blocked_frames": int(hidden.sum()),
            "ignored_frames": int(ignored.sum()),
        }
    )


def pooled(predictions: Array, frames: Frames, metrics: Metrics) -> dict:
    """As `human36m`, but one mean over all frames; no sequence is blocked and no frame ignored.

    The plain protocol for data without Human3.6M's actions and faulty takes.
    Returns each metric, "per_action", "per_joint" and "frames". Raises InputError likewise.
    """
    n = _count(predictions, frames.joints)
    action, sequence = _names("action", frames.action, n), _names("sequence", frames.sequence, n)
    every = np.ones(n, bool)
    values, distances = _image_scores(predictions, frames, metrics, sequence, every)
    return (
        _means(values)
        | _resampled(values, frames.resamples, every, np.zeros(n, int))
        | {"per_action": _by_group(values, action), "per_joint": distances.mean(0).tolist(), "frames": n}
    )


def mpi_inf_3dhp(predictions: Array, frames: Frames, metrics: Metrics) -> dict:
    """MPI-INF-3DHP's test set: MPJPE over 17 joints, PCK and AUC over 14, all valid frames pooled.

    predictions: (N, 17, 3) network outputs, normalised. The joints are `univ_annot3`, the sequences TS1 to TS6, width
    and height those of the test image; rows that are not valid may hold NaN; an action is one of its activities.

    The root is joint 14. Outputs are scaled by half the *test* image's width, so by 1024 mm a unit in TS1-4
    and 960 in TS5 and 6, although training always used 1024, as in the released code.
    Returns each metric but those in time, "per_sequence", "per_activity" (where there are actions),
    "per_joint" (mm) and "frames". No velocities: valid frames are not consecutive.
    Raises InputError on wrong shapes, NaN in a valid frame, marks of valid frames that are neither 0 nor 1 (NaN would
    count as true), sizes that are not positive, or no valid frame.
    Source: MotionAGFormer's evaluation for MPJPE, the official MATLAB for PCK and AUC.
    """
    n = _count(predictions, frames.joints)
    keep = marks("valid", _column("valid", np.ones(n) if frames.valid is None else frames.valid, n))
    if not keep.any():
        raise InputError("no frame is valid: nothing to score")
    width, height = _positive("width", frames.width, n)[keep], _positive("height", frames.height, n)[keep]  # (M,)
    outputs = _finite("valid predictions", np.asarray(predictions)[keep]).copy()
    outputs[:, MPI_INF_3DHP_ROOT] = 0
    predicted = _rooted(denormalise(outputs, width, height), MPI_INF_3DHP_ROOT)
    target = _rooted(_finite("valid targets", np.asarray(frames.joints)[keep]), MPI_INF_3DHP_ROOT)
    rows = np.arange(len(predicted))
    values = {
        name: (metric.error(*_pck_joints(name, predicted, target)), rows)
        for name, metric in metrics.items()
        if not metric.in_time
    }
    result = _means(values) | _resampled(values, frames.resamples, keep, np.zeros(len(predicted), int))
    result |= {"per_sequence": _by_group(values, _names("sequence", frames.sequence, n)[keep])}
    if frames.action is not None:
        result["per_activity"] = _by_group(values, _names("activity", frames.action, n)[keep])
    per_joint = joint_distances(predicted, target).mean(0).tolist()
    return result | {"per_joint": per_joint, "frames": len(predicted)}


def denormalise(poses: Array, width: Array | float, height: Array | float) -> Array:
    """Normalised coordinates back to pixels: x' = 2x/w - 1, y' = 2y/w - h/w, z' = 2z/w, inverted.

    (N, J, 3), (N,) or one number, (N,) or one number -> (N, J, 3) float64. y is scaled by the *width* too.
    Raises InputError unless there is one positive size, or one a frame.
    """
    poses = np.asarray(poses, float)
    width = _positive("width", width, len(poses))[:, None]  # (N, 1)
    height = _positive("height", height, len(poses))[:, None]
    x = (poses[..., 0] + 1) * width / 2
    y = (poses[..., 1] + height / width) * width / 2
    return np.stack([x, y, poses[..., 2] * width / 2], axis=-1)


def image_millimetres(
    predictions: Array, factor: Array, width: Array | float, height: Array | float, keypoints: Array | None = None
) -> Array:
    """Normalised outputs (N, 17, 3) as root-relative poses in 2.5D image space, in mm.

    factor: (N,) mm a pixel; width, height: pixels, (N,) or one number; keypoints: (N, 17, 2) normalised, which replace
    x and y, or None. Raises InputError for NaN, other shapes, and sizes or factors that are not positive.
    """
    n = len(predictions)
    outputs = _finite("predictions", predictions).copy()
    outputs[:, HUMAN36M_ROOT] = 0
    if keypoints is not None:  # after the root was set to 0, so the root's x and y are the input's again
        if np.shape(keypoints) != (n, JOINTS, 2):
            raise InputError(f"keypoints need the shape {(n, JOINTS, 2)}, got {np.shape(keypoints)}")
        outputs[..., :2] = _finite("keypoints", keypoints)
    millimetres = denormalise(outputs, width, height) * _positive("factor", factor, n)[:, None, None]
    return _rooted(millimetres, HUMAN36M_ROOT)


def _pck_joints(metric: str, predicted: Array, target: Array) -> tuple[Array, Array]:
    """The joints that a metric of MPI-INF-3DHP looks at."""
    if metric not in ("pck3d", "auc3d"):
        return predicted, target
    return predicted[:, MPI_INF_3DHP_PCK_JOINTS], target[:, MPI_INF_3DHP_PCK_JOINTS]


def _image_scores(
    predictions: Array, frames: Frames, metrics: Metrics, sequence: Array, kept: Array
) -> tuple[Values, Array]:
    """Each metric of the kept rows, (N,) bool, in 2.5D image space, and their distances (M, 17) in mm."""
    poses = image_millimetres(predictions, frames.factor, frames.width, frames.height, frames.keypoints)
    predicted, target = poses[kept], _rooted(_finite("joints", frames.joints), HUMAN36M_ROOT)[kept]
    times = None if frames.times is None else _column("times", frames.times, len(kept))[kept]
    values = {  # all a sequence at a time: half a million frames need less memory
        name: within_sequences(m.error, predicted, target, sequence[kept], times if m.in_time else None)
        for name, m in metrics.items()
    }
    return values, joint_distances(predicted, target)


def _exact_frames(error: Array, action: Array) -> Array:
    """(N,) True where the error is exactly 0 and the frame's action has other frames to score."""
    exact = error == 0
    return exact & np.isin(action, action[~exact])


def _without(values: Values, metrics: Metrics, ignored: Array) -> Values:
    """The values without the ignored frames; differences in time keep them."""
    return {
        name: (value, rows) if metrics[name].in_time else (value[~ignored], rows[~ignored])
        for name, (value, rows) in values.items()
    }


def _means(values: Values) -> dict[str, float | None]:
    return {name: float(value.mean()) if len(value) else None for name, (value, _) in values.items()}


def _resampled(values: Values, resamples: Resamples | None, kept: Array, group: Array) -> dict:
    """Each metric in each resample, as means over groups; kept: (N,) the rows that were scored, group: theirs."""
    if resamples is None:
        return {}
    cluster, counts = resamples
    cluster = cluster[kept]
    means = {k: resampled_mean(v, cluster[rows], counts, group[rows]) for k, (v, rows) in values.items() if len(v)}
    return {"resampled": means}


def _by_group(values: Values, group: Array) -> dict[str, dict[str, float | None]]:
    """Each metric's mean over the frames of each group; `group` is (N,) names."""
    means = {name: _group_means(value, group[rows]) for name, (value, rows) in values.items()}
    return {
        str(g): {name: None if g not in of else float(of[g]) for name, of in means.items()} for g in np.unique(group)
    }


def _group_means(values: Array, group: Array) -> dict[str, Array]:
    """The mean of values (N, ...) over the rows of each group that has any."""
    return {str(g): values[group == g].mean(0) for g in np.unique(group)}


def _mean_over(groups: dict[str, dict[str, float | None]]) -> dict[str, float | None]:
    """The unweighted mean over groups of each metric."""
    first = next(iter(groups.values()))
    values = {name: [g[name] for g in groups.values() if g[name] is not None] for name in first}
    return {name: float(np.mean(v)) if v else None for name, v in values.items()}


def _rooted(poses: Array, root: int) -> Array:
    return poses - poses[:, root : root + 1]


def _finite(name: str, values: Array) -> Array:
    """As float64, once no frame has NaN or infinite values."""
    values = np.asarray(values, float)
    broken = ~np.isfinite(values).all((1, 2))
    if broken.any():
        raise InputError(
            f"{name} are NaN or infinite in {broken.sum()} of {len(values)} frames, first in {broken.argmax()}"
        )
    return values


def _count(predictions: Array, targets: Array) -> int:
    """The number of frames N; both arrays must be (N, 17, 3) with N at least 1."""
    n = len(targets)
    for name, array in (("predictions", predictions), ("target joints", targets)):
        if np.shape(array) != (n, JOINTS, 3) or n == 0:
            raise InputError(f"{name} need the shape (N, {JOINTS}, 3) with equal N >= 1, got {np.shape(array)}")
    return n


def _column(name: str, values: Array, n: int) -> Array:
    values = np.asarray(values)
    if values.shape != (n,):
        raise InputError(f"{name} needs one value a frame, shape ({n},), got {values.shape}")
    return values


def _names(name: str, values: Array, n: int) -> Array:
    """(N,) text, none of it missing: what is missing would be a group of its own in the mean over groups."""
    names = _column(name, values, n).astype(str)
    if (missing := np.isin(names, NO_NAMES)).any():
        raise InputError(f"{name} is missing in {missing.sum()} of {n} frames, first in {missing.argmax()}")
    return names


def _positive(name: str, values: Array | float, n: int) -> Array:
    """(N,) float64 from a column or one number; all finite and above 0."""
    values = np.asarray(values, float)
    values = _column(name, np.full(n, values) if values.ndim == 0 else values, n)
    if not (np.isfinite(values) & (values > 0)).all():
        raise InputError(f"{name} must be positive and finite in every frame")
    return values
