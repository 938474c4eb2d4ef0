"""Forward kinematics: joint angles to joint positions, all frames at once."""

from collections.abc import Sequence

import numpy as np


def euler(angles: np.ndarray) -> np.ndarray:
    """Rotation matrices Rz Ry Rx (x is applied first) of angles about x, y, z in radians: (..., 3) -> (..., 3, 3)."""
    (cx, cy, cz), (sx, sy, sz) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def joint_positions(local: np.ndarray, offsets: np.ndarray, parents: Sequence[int]) -> np.ndarray:
    """Positions of a tree of joints whose root lies at the origin.

    local: (T, J, 3, 3) rotation of each joint's frame against its parent's; offsets: (J, 3) place of each joint
    in its parent's frame; parents: index of each joint's parent, -1 for the root, parents before children.
    Returns (T, J, 3) in the unit of `offsets`.
    """
    positions = np.zeros((*local.shape[:2], 3))
    turned = local.copy()  # rotation of each joint's frame against the world
    for joint, parent in enumerate(parents):
        if parent >= 0:
            positions[:, joint] = positions[:, parent] + turned[:, parent] @ offsets[joint]
            turned[:, joint] = turned[:, parent] @ local[:, joint]
    return positions
