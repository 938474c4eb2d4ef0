"""What every network says of itself, whatever it sees: its example, its outputs, and how its authors evaluate it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from torch import Tensor, nn


@dataclass(frozen=True)
class Released:
    """The evaluation of a network's released code.

    keeps : what of a pass counts: "all" frames of a clip, the "centre" frame of a window, or the "mean" of all frames
        over overlapping windows
    stride : frames between two windows; None: a clip length, so that none is seen twice
    padding : what stands beyond the ends of a sequence: "edge" (the end frame again) or None (no window reaches out)
    flip : whether the mirrored input goes through as well, and the two answers are averaged
    """

    keeps: str = "all"
    stride: int | None = None
    padding: str | None = None
    flip: bool = True

    def passes(self, frames: int) -> Fraction:
        """Forward passes for an evaluated frame, in the middle of a long sequence, of a network of `frames` frames."""
        return Fraction(1 + self.flip, self.stride or frames)


ONE_BY_ONE = Released("centre", 1, "edge")


class PoseModel(nn.Module):
    """A network for poses: a `LiftingModel` (models/lifting/parts.py) or a `ClipModel` (models/video/clips.py).

    kind : "lifting" or "video"; the room of `models` and the module of `training` for it have this name
    emits : "all", a pose for each frame of a clip, or "centre", the middle frame's alone; on video, where networks
        answer with heatmaps, "coordinates" for one that gives the middle frame's places and scores
    released : how its released code evaluates it
    frames, joints : of a clip
    example_shape : of one clip
    """

    kind: ClassVar[str]
    emits: ClassVar[str] = "all"
    released: ClassVar[Released] = Released()
    frames: int
    joints: int
    example_shape: tuple[int, ...]

    @property
    def emitted_frames(self) -> int:
        """Frames of a clip that get a pose."""
        return self.frames if self.emits == "all" else 1

    def outputs(self, clips: Tensor) -> tuple[Tensor, ...]:
        """What training compares with the truth; the last one is what `forward` gives."""
        return (self(clips),)

    def passes(self, flip: bool) -> Fraction:
        """Forward passes for an evaluated frame in this project: clips end to end, or a window around each frame."""
        return Fraction(1 + flip, self.emitted_frames)
