"""How a network is evaluated: what of a forward pass is kept, and how many passes an evaluated frame costs."""

from dataclasses import dataclass
from fractions import Fraction

from torch import nn

KEEPS = {
    "all": "all frames of a clip",
    "centre": "the middle frame of a window",
    "mean": "all frames, averaged over overlapping windows",
}


@dataclass(frozen=True)
class Released:
    """The evaluation of a network's released code.

    keeps : what of a pass counts (KEEPS)
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


def emits_one(model: nn.Module) -> bool:
    """Whether a lifting network answers (B, 1, J, 3) for the middle frame of a clip instead of (B, T, J, 3)."""
    return getattr(model, "emits", "all") == "centre"


def released(model: nn.Module) -> Released:
    """The released evaluation of a network, which it states as its attribute `released`."""
    return getattr(model, "released", Released())


def passes_here(model: nn.Module, flip: bool) -> Fraction:
    """Forward passes for an evaluated frame in this project: clips end to end, or a window around each frame."""
    return Fraction(1 + flip, 1 if emits_one(model) else model.frames)
