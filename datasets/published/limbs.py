"""Can these be poses of a person in millimetres, with the joints in the order that is claimed? Limbs tell."""

from collections.abc import Sequence

import numpy as np

from studies.errors import InputError

LENGTHS = (150.0, 700.0)  # mm: no human thigh, shin, upper arm or forearm lies outside
UNLIKE = 0.15  # of a limb's length: how much it may change over a take, or differ from the other side's

Limb = tuple[int, int]  # its two joints


def check_limbs(
    poses: np.ndarray, limbs: Sequence[tuple[Limb, Limb]], where: str, unlike: float = UNLIKE
) -> np.ndarray:
    """Poses (T, J, 3) of one take as they are, if their limbs are as long as human ones, on both sides, in every frame.

    limbs: pairs of a right and a left limb; where: what the message begins with. Raises InputError that says what they
    look like instead: not finite, in metres, joints in another order.
    """
    if not len(poses) or not np.isfinite(poses).all():
        raise InputError(f"{where}: has no frames, or NaN or infinite positions; get the file again")
    lengths = {limb: np.linalg.norm(poses[:, limb[0]] - poses[:, limb[1]], axis=-1) for pair in limbs for limb in pair}
    typical = {limb: float(np.median(length)) for limb, length in lengths.items()}
    middle = float(np.median(list(typical.values())))
    if LENGTHS[0] <= 1000 * middle <= LENGTHS[1]:
        raise InputError(f"{where}: limbs are {middle:.2f} long; these are metres, millimetres are wanted")
    if not LENGTHS[0] <= middle <= LENGTHS[1]:
        raise InputError(f"{where}: limbs are {middle:.0f} mm long; these are no human poses in mm")
    for right, left in limbs:
        if abs(typical[right] - typical[left]) > unlike * typical[right]:
            raise InputError(f"{where}: joints {right} and {left} are unlike limbs; the joints are in another order")
    for limb, length in lengths.items():
        if np.ptp(np.quantile(length, [0.05, 0.95])) > unlike * typical[limb]:
            raise InputError(f"{where}: joints {limb} are no limb, its length changes; they are in another order")
    return poses
