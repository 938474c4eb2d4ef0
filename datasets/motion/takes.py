"""What a source of motion hands over: takes in a world with z up, before any camera has seen them."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from base.errors import InputError
from base.human36m import take_of
from datasets.card import Origin
from datasets.motion.cameras import CAMERAS
from datasets.skeletons import JOINTS

SPLITS = ("train", "val", "test")  # those that every motion has
HEIGHTS = (0.4, 3.0)  # metres: least and most that a body measures along its longest axis


@dataclass(frozen=True)
class Take:
    """Uninterrupted motion of one person.

    subject, act, subact: numbers that make up the sequence's name; action: label that errors are averaged by;
    cameras: which of the four cameras (0 to 3) see it; frames: (T,) frame numbers at the motion's rate;
    joints: (T, 17, 3) float64, world coordinates in metres, z up, the floor around the origin.
    """

    subject: int
    act: int
    subact: int
    action: str
    cameras: tuple[int, ...]
    frames: np.ndarray
    joints: np.ndarray

    def sequence(self, camera: int) -> str:
        """Name in Human3.6M's style, of which `base.human36m.take_of` gives the take."""
        return f"s_{self.subject:02d}_act_{self.act:02d}_subact_{self.subact:02d}_ca_{camera + 1:02d}"


@dataclass(frozen=True)
class Motion:
    """All takes of a data set by split (train, val, test and perhaps new), their rate, and where they come from."""

    splits: dict[str, list[Take]]
    fps: float
    origin: Origin = field(default_factory=Origin)


def check_motion(name: str, motion: Motion) -> None:
    """Raise InputError, one line, for a motion that no data can be made of: what is wrong, and where."""
    for split in SPLITS:
        if not motion.splits.get(split):
            raise InputError(f"motion {name}: has no takes in the split {split!r}; give at least one")
    times = Counter(take.sequence(0) for takes in motion.splits.values() for take in takes)
    for split, takes in motion.splits.items():
        for take in takes:
            twice = times[take.sequence(0)] > 1
            complaint = "is given twice; give each its own subject, act or subact" if twice else _complaint(take)
            if complaint:
                raise InputError(f"motion {name}, split {split!r}, take {take_of(take.sequence(0))}: {complaint}")


def _complaint(take: Take) -> str:
    """What is wrong with a take, and the remedy; empty where nothing is."""
    shape, frames = np.shape(take.joints), np.shape(take.frames)
    if len(shape) != 3 or shape[1:] != (len(JOINTS), 3) or not shape[0]:
        return f"joints have shape {shape}; give (T, {len(JOINTS)}, 3), the joints of datasets/skeletons.py"
    if frames != shape[:1]:
        return f"has {shape[0]} poses and frame numbers of shape {frames}; give one number a pose"
    if not np.isfinite(take.joints).all():
        return "joints are NaN or infinite; leave such frames out"
    if not take.cameras or not set(take.cameras) <= set(range(CAMERAS)):
        return f"cameras are {take.cameras}; give some of 0 to {CAMERAS - 1}"
    size = float(np.median(np.ptp(take.joints, axis=1).max(-1)))
    if not HEIGHTS[0] <= size <= HEIGHTS[1]:
        return f"the body measures {size:.3g} along its longest axis; give metres"
    return ""
