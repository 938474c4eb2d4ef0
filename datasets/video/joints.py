"""Joint sets of the 2D data sets: names, mirror images, halves of the body and training weights, all from the names."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from base.errors import InputError
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


def of_channels(answers: np.ndarray, joints: JointSet) -> np.ndarray:
    """What a network's answers (N, J, ...), or those of all CHANNELS (N, 17, ...), say of the joints: (N, J, ...).

    Raises InputError for another number of channels.
    """
    places = _places(joints, answers.shape[1])
    return answers if places is None else answers[:, places]


def in_channels(values: np.ndarray, joints: JointSet, channels: int) -> np.ndarray:
    """What `of_channels` turns back: values (N, J, ...) of the joints as a network answers, 0 for the ears.

    Raises InputError as `of_channels`.
    """
    places = _places(joints, channels)
    if places is None:
        return values
    filled = np.zeros((len(values), channels, *values.shape[2:]), values.dtype)
    filled[:, places] = values
    return filled


def _places(joints: JointSet, channels: int) -> list[int] | None:
    """The channel of each joint; None where channels and joints are the same."""
    if channels == len(joints.names):
        return None
    if joints is not POSETRACK or channels != len(CHANNELS):
        raise InputError(f"the network answers with {channels} joints, the data have {len(joints.names)}")
    return [CHANNELS.index(name) for name in joints.names]


def neck_between_shoulders(joints: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PoseTrack's joints (N, 15, 2) and scores (N, 15), the neck replaced by the midpoint of the shoulders.

    So PoseWarper's released evaluation has it, for every network scored by it; DCPose's takes the neck's own channel.
    Source: docs/peers.md.
    """
    neck = POSETRACK.names.index("head_bottom")
    shoulders = [POSETRACK.names.index(f"{side}_shoulder") for side in SIDES]
    joints, scores = joints.copy(), scores.copy()
    joints[:, neck], scores[:, neck] = joints[:, shoulders].mean(1), scores[:, shoulders].mean(1)
    return joints, scores


POSETRACK = JointSet(annotations.JOINTS)
# What the peers on video answer with, in this order: COCO's joints with neck and head top for eyes. PoseTrack does not
# annotate the ears.
CHANNELS = ("nose", "head_bottom", "head_top", "left_ear", "right_ear")
CHANNELS += tuple(
    f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
JHMDB = JointSet(jhmdb.JOINTS)
