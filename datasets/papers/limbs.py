"""Can these be poses of a person, with the joints in the order that is claimed, and do key points belong to them?

Limbs tell the units and the order, knees which side is which, and joints as a camera sees them where key points lie.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from base.errors import InputError

LENGTHS = (150.0, 700.0)  # mm: no human thigh, shin, upper arm or forearm lies outside
PIXELS = (15.0, 350.0)  # those, seen by a camera of the papers' from 2 to 10 m away
UNLIKE = 0.15  # of a limb's length: how much it may change over a take, or differ from the other side's
FORWARD = -0.05  # mean of a triple product of unit vectors, which lies above 0.13 in 152 takes of real motion
APART, ONE_APART = 0.12, 0.2  # of a person's size: how far key points may lie from the joints, all of them and each
SMALLEST = 10.0  # pixels: key points of a person spread over less are no pixels

Limb = tuple[int, int]  # its two joints


@dataclass(frozen=True)
class Anatomy:
    """The joints of a data set's skeleton that tell its order.

    limbs: pairs of a right and a left limb; legs: hip, knee and ankle, right and left; trunk: its lower and upper end.
    """

    limbs: Sequence[tuple[Limb, Limb]]
    legs: tuple[tuple[int, int, int], tuple[int, int, int]]
    trunk: Limb


def check_limbs(
    poses: np.ndarray,
    limbs: Sequence[tuple[Limb, Limb]],
    where: str,
    unlike: float = UNLIKE,
    pixels: bool = False,
) -> np.ndarray:
    """Poses (T, J, 3) of one take as they are, if their limbs are as long as human ones, on both sides, in every frame.

    limbs: pairs of a right and a left limb; where: what the message begins with; pixels: the poses are in pixels, and
    larger where the person is nearer. Raises InputError that says what they look like instead: not finite, in metres,
    joints in another order.
    """
    if not len(poses) or not np.isfinite(poses).all():
        raise InputError(f"{where}: has no frames, or NaN or infinite positions; get the file again")
    lengths = {limb: np.linalg.norm(poses[:, limb[0]] - poses[:, limb[1]], axis=-1) for pair in limbs for limb in pair}
    typical = {limb: float(np.median(length)) for limb, length in lengths.items()}
    middle = float(np.median(list(typical.values())))
    shortest, longest = PIXELS if pixels else LENGTHS
    if not pixels and shortest <= 1000 * middle <= longest:
        raise InputError(f"{where}: limbs are {middle:.2f} long; these are metres, millimetres are expected")
    if not shortest <= middle <= longest:
        unit = "px" if pixels else "mm"
        raise InputError(f"{where}: limbs are {middle:.3g} {unit} long; these are not human poses in {unit}")
    for right, left in limbs:
        if abs(typical[right] - typical[left]) > unlike * typical[right]:
            raise InputError(f"{where}: joints {right} and {left} are unlike limbs; the joints are in another order")
    scale = np.median(list(lengths.values()), axis=0) / middle if pixels else 1.0
    for limb, length in lengths.items():
        if np.ptp(np.quantile(length / scale, [0.05, 0.95])) > unlike * typical[limb]:
            raise InputError(f"{where}: joints {limb} are not a limb: its length changes; they are in another order")
    return poses


def check_sides(poses: np.ndarray, body: Anatomy, where: str) -> np.ndarray:
    """Poses (T, J, 3) of one take as they are, unless knees bend backwards: then left and right are exchanged.

    A mirrored pose has the same limbs. Axes are those of a camera (x right, y down, z forward) or any turned ones.
    Raises InputError, beginning with `where`.
    """
    (right, *_), (left, *_) = body.legs
    across = poses[:, right] - poses[:, left]
    bent = sum(2 * poses[:, knee] - poses[:, hip] - poses[:, ankle] for hip, knee, ankle in body.legs)
    up = poses[:, body.trunk[1]] - poses[:, body.trunk[0]]
    across, bent, up = (v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9) for v in (across, bent, up))
    if float((np.cross(across, bent) * up).sum(-1).mean()) < FORWARD:
        raise InputError(f"{where}: knees bend backwards; left and right joints are exchanged, or an axis is mirrored")
    return poses


def check_points(points: np.ndarray, joints: np.ndarray, body: Anatomy, where: str) -> None:
    """Raise InputError unless key points (T, J, 2) px lie on the joints as a camera sees them, (T, J, 2) px.

    Detectors err by a few hundredths of a person's size. The message, after `where`, says what is the matter: no
    pixels, left and right exchanged, another order or camera, or a joint that is another one.
    """
    size = float(np.median(np.linalg.norm(np.ptp(joints, axis=1), axis=-1)))
    spread = float(np.median(np.linalg.norm(np.ptp(points, axis=1), axis=-1)))
    if spread < SMALLEST:
        raise InputError(f"{where}: key points of a person spread over {spread:.3g}; these are not pixels")
    right, left = ([joint for pair in body.limbs for joint in pair[side]] for side in (0, 1))
    apart = np.linalg.norm(points - joints, axis=-1)  # (T, J)
    crossed = np.linalg.norm(points[:, right + left] - joints[:, left + right], axis=-1)
    if crossed.mean() < apart[:, right + left].mean():
        raise InputError(f"{where}: left and right of the key points are exchanged against the 3D joints")
    each = np.median(apart, axis=0) / size  # (J,)
    if np.median(each) > APART:
        raise InputError(
            f"{where}: key points lie {size * np.median(each):.0f} px from the joints of a person of {size:.0f} px; "
            "they are in another order, in other units, or of another camera"
        )
    if each.max() > ONE_APART:
        number = each.argmax()
        raise InputError(
            f"{where}: key point {number} does not lie on joint {number}; they are of another order or camera"
        )


def seen(poses: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Poses (T, J, 3) in a camera's axes as it sees them, (T, J, 2) px, without its calibration.

    Each frame's x and y, scaled and moved to fit the key points (T, J, 2) best: a camera far away.
    """
    flat, target = (a - a.mean(1, keepdims=True) for a in (poses[..., :2], points))
    scale = (flat * target).sum((1, 2), keepdims=True) / np.maximum((flat**2).sum((1, 2), keepdims=True), 1e-9)
    return np.maximum(scale, 0) * flat + points.mean(1, keepdims=True)
