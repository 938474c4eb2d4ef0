"""How released code keeps the weights of a network: data alone, so that no training depends on a reader of files."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Shape = tuple[int, ...]
IMAGE, CAMERA = "image space, scaled by the true factor of each frame", "metres of camera space"


@dataclass(frozen=True)
class Layout:
    """How released code keeps the weights of a network; a lifting model states it as its attribute `layout`.

    containers : keys of the file, under the first of which the weights are; `models.checkpoints.CONTAINERS` follow, and
        a file may also be the plain dictionary of weights
    renamed : (pattern, replacement as of `re.sub`) from our names to theirs; every rule is applied, one after the other
    reshaped : (pattern of our names, what makes their shape of ours); the numbers stay in their order
    pieces : what stands in place of {} in a key; such a weight is cut along its first axis into so many of theirs
    frames : keys of theirs by which a clip length shows, and along which axis, where T is baked into the weights
    frames_each : frames for one step along that axis
    space : what the released weights answer in: IMAGE, as this project's networks, or CAMERA
    """

    containers: tuple[str, ...]
    renamed: tuple[tuple[str, str | Callable[[re.Match], str]], ...]
    reshaped: tuple[tuple[str, Callable[[Shape], Shape]], ...] = ()
    frames: Mapping[str, int] = field(default_factory=dict)
    frames_each: int = 1
    space: str = IMAGE
    pieces: tuple[str, ...] = ()

    def name(self, ours: str) -> str:
        """Their key for one of our names."""
        for pattern, replacement in self.renamed:
            ours = re.sub(pattern, replacement, ours)
        return ours

    def keys(self, ours: str) -> tuple[str, ...]:
        """Their keys for one of our names: several where it is cut into pieces."""
        key = self.name(ours)
        return tuple(key.format(piece) for piece in self.pieces) if "{}" in key else (key,)

    def shape(self, ours: str, shape: Shape) -> Shape:
        """Their shape of one of our weights."""
        for pattern, change in self.reshaped:
            if re.search(pattern, ours):
                return change(shape)
        return shape

    @staticmethod
    def one_axis_more(shape: Shape) -> Shape:
        return 1, *shape

    @staticmethod
    def one_axis_less(shape: Shape) -> Shape:
        return shape[1:]

    @staticmethod
    def first_two_in_one(shape: Shape) -> Shape:
        return math.prod(shape[:2]), *shape[2:]
