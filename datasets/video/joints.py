"""Joint sets of the 2D data sets: names, mirror images, halves of the body and training weights, all from the names."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from datasets.video import annotations, jhmdb

WEIGHTS = {"elbow": 1.2, "knee": 1.2, "wrist": 1.5, "ankle": 1.5}  # of the loss; every other joint 1
LOWER = ("hip", "knee", "ankle")
SIDES = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class JointSet:
    """The J joints of a data set, by name; those of one side start with left_ or right_."""

    names: tuple[str, ...]

    @property
    def flip(self) -> np.ndarray:
        """(J,) int: which joint of the picture becomes joint j of its mirror image. Its own inverse."""
        return np.array([self.names.index(_other_side(name)) for name in self.names])

    @property
    def upper(self) -> np.ndarray:
        """(J,) bool: head, trunk and arms; the others are hips and legs."""
        return np.array([_part(name) not in LOWER for name in self.names])

    def weights(self, parts: Mapping[str, float] = WEIGHTS) -> np.ndarray:
        """(J,) float32: of each joint in the loss, by part of the body; 1 for those not named.

        By default knees and elbows 1.2, ankles and wrists 1.5 (docs/glsmamba.md, Training).
        """
        return np.array([parts.get(_part(name), 1.0) for name in self.names], np.float32)


def _other_side(name: str) -> str:
    side, _, part = name.partition("_")
    return f"{SIDES[side]}_{part}" if side in SIDES else name


def _part(name: str) -> str:
    return name.rpartition("_")[2]


POSETRACK = JointSet(annotations.JOINTS)
JHMDB = JointSet(jhmdb.JOINTS)
