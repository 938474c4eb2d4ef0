"""PCK of Sub-JHMDB: the share of joints that lie within a part of the person's size, 2D, in pixels.

Kits agree on the distance and disagree on three things, each of them named here: what the size is (`box_size` or
the harder `torso_size`), whether a joint at exactly the limit is correct, and what "Mean" averages.
Source: the code of MMPose, LSTM Pose Machines and SmoothNet (docs/protocols.md).
"""

import numpy as np

from base.errors import InputError
from metrics.marks import marks

JOINTS = (
    "neck", "belly", "head", "right_shoulder", "left_shoulder", "right_hip", "left_hip", "right_elbow", "left_elbow",
    "right_knee", "left_knee", "right_wrist", "left_wrist", "right_ankle", "left_ankle",
)  # fmt: skip
COLUMNS = {
    "Head": (2,), "Sho": (3, 4), "Elb": (7, 8), "Wri": (11, 12), "Hip": (5, 6), "Knee": (9, 10), "Ank": (13, 14),
}  # fmt: skip
MEAN_JOINTS = "Mean of 15 joints (mmpose)"
MEAN_GROUPS = "Mean of 7 groups (Poseidon, TAR-ViTPose)"
TORSO = (4, 5)  # left shoulder, right hip
SHORTEST_TORSO = 1.0  # pixels; a shorter one is replaced by the prediction's


def pck(
    predicted: np.ndarray,
    truth: np.ndarray,
    size: np.ndarray,
    alpha: float = 0.2,
    strict: bool = True,
    present: np.ndarray | None = None,
) -> np.ndarray:
    """Percentage of correct joints, of each joint over all persons.

    predicted, truth (N, J, 2) pixels; size (N,) pixels; present (N, J) bool: annotated joints (default: all).
    strict: correct below alpha x size (mmpose); otherwise also at it (LSTM Pose Machines, SmoothNet, DeciWatch).
    Returns (J,); nan for a joint that is annotated nowhere. Persons of size 0 are left out, as mmpose does.
    Raises InputError for shapes that differ and for NaN, infinite or negative values where they count.
    """
    predicted, truth, size = (np.asarray(array, float) for array in (predicted, truth, size))
    present = np.ones(truth.shape[:2], bool) if present is None else marks("present", present)
    _check(predicted, truth, size, present)
    counted = present & (size > 0)[:, None]  # (N, J)
    error = np.linalg.norm(predicted - truth, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):  # size 0 is left out
        relative = error / size[:, None]
    near = relative < alpha if strict else relative <= alpha
    with np.errstate(invalid="ignore"):  # 0 / 0 is the documented nan
        return 100 * (near & counted).sum(0) / counted.sum(0)


def jhmdb_columns(joints: np.ndarray) -> dict[str, float]:
    """The printed columns of JHMDB's 15 joints: (15,) percent, in the order of JOINTS -> name: percent.

    Head, Sho, Elb, Wri, Hip, Knee, Ank (left and right averaged), and the two quantities that papers call "Mean":
    over all 15 joints, neck and belly among them (nan ones left out), and over the seven groups.
    """
    joints = np.asarray(joints, float)
    if joints.shape != (len(JOINTS),):
        raise InputError(f"JHMDB has {len(JOINTS)} joints, got an array of shape {joints.shape}")
    groups = {name: float(joints[list(members)].mean()) for name, members in COLUMNS.items()}
    known = joints[~np.isnan(joints)]
    mean = float(known.mean()) if len(known) else float("nan")
    return groups | {MEAN_JOINTS: mean, MEAN_GROUPS: float(np.mean(list(groups.values())))}


def box_size(boxes: np.ndarray) -> np.ndarray:
    """Person size: the longer side of the ground-truth box. (N, 4) x, y, w, h -> (N,) pixels.

    mmpose clips the box to the image first; give it that way to compare with mmpose.
    """
    return np.asarray(boxes, float)[:, 2:].max(-1)


def torso_size(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Torso size: left shoulder to right hip, (N, 15, 2), (N, 15, 2) -> (N,) pixels. Another metric than `box_size`.

    Below one pixel the prediction's torso stands in, as in mmpose.
    """
    true, guessed = (np.linalg.norm(p[:, TORSO[0]] - p[:, TORSO[1]], axis=-1) for p in (truth, predicted))
    return np.where(true < SHORTEST_TORSO, guessed, true)


def _check(predicted: np.ndarray, truth: np.ndarray, size: np.ndarray, present: np.ndarray) -> None:
    n = len(truth)
    if truth.ndim != 3 or truth.shape[-1] != 2 or predicted.shape != truth.shape:
        raise InputError(f"joints need one shape (N, J, 2), got predicted {predicted.shape} and truth {truth.shape}")
    if size.shape != (n,) or present.shape != truth.shape[:2]:
        raise InputError(f"size must be ({n},) and present {truth.shape[:2]}, got {size.shape} and {present.shape}")
    if not (np.isfinite(size) & (size >= 0)).all():
        raise InputError("size has negative, NaN or infinite values")
    for name, array in (("predicted", predicted), ("truth", truth)):
        if not np.isfinite(array[present]).all():
            raise InputError(f"{name} joints are NaN or infinite where they are annotated")
