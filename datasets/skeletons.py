"""The 17 joints of Human3.6M as MotionBERT, PoseMamba and SasMamba order them, and other data sets' skeletons."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

JOINTS = (
    "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "spine", "thorax",
    "neck", "head", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
ROOT = 0
PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
BONES = tuple((parent, joint) for joint, parent in enumerate(PARENTS) if parent >= 0)

# A standing figure seen from the front, for drawings of joint orders: (17, 2), x to the right, y up. The person's right
# is on the reader's left.
STANDING = np.array(
    [
        (0, 0),
        (-0.55, -0.1),
        (-0.65, -1.5),
        (-0.7, -2.9),
        (0.55, -0.1),
        (0.65, -1.5),
        (0.7, -2.9),
        (0, 0.9),
        (0, 1.8),
        (0, 2.35),
        (0, 2.95),
        (0.8, 1.7),
        (1.35, 0.75),
        (1.75, -0.2),
        (-0.8, 1.7),
        (-1.35, 0.75),
        (-1.75, -0.2),
    ]
)

# Pairwise left and right, as the released flip exchanges them.
LEFT = (4, 5, 6, 11, 12, 13)
RIGHT = (1, 2, 3, 14, 15, 16)
FLIP_PAIRS = tuple(zip(LEFT, RIGHT, strict=True))


def _exchanged(pairs: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    partner = {joint: other for pair in pairs for joint, other in (pair, pair[::-1])}
    return tuple(partner.get(joint, joint) for joint in range(len(JOINTS)))


# poses[..., FLIP_ORDER, :] exchanges left and right.
FLIP_ORDER = _exchanged(FLIP_PAIRS)


@dataclass(frozen=True)
class Skeleton:
    """What training needs to know of 17 joints. root: the joint that poses are relative to; flip_order: as above."""

    root: int
    flip_order: tuple[int, ...]


# By the name that a data set's card gives. MPI-INF-3DHP: head top, neck, right and left arm, right and left leg,
# pelvis, spine, head (docs/papers-data.md).
SKELETONS = {
    "human3.6m-17": Skeleton(ROOT, FLIP_ORDER),
    "mpi-inf-3dhp-17": Skeleton(14, _exchanged([(5, 2), (6, 3), (7, 4), (11, 8), (12, 9), (13, 10)])),
}
