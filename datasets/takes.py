"""What a source of motion hands over: takes in a world with z up, before any camera has seen them."""

from dataclasses import dataclass, field

import numpy as np


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
        """Name in Human3.6M's style; without its last six characters it names the take."""
        return f"s_{self.subject:02d}_act_{self.act:02d}_subact_{self.subact:02d}_ca_{camera + 1:02d}"


@dataclass(frozen=True)
class Motion:
    """All takes of a data set by split (train, val, test and perhaps new), their rate, and more for the card."""

    splits: dict[str, list[Take]]
    fps: float
    card: dict = field(default_factory=dict)
