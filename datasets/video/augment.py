"""Training augmentations of the top-down pipeline. One draw holds for all frames of a window.

Every draw takes the same six numbers from the generator, whatever happens, so that switching one augmentation off
leaves the others as they were.
"""

from dataclasses import dataclass

import numpy as np

from datasets.video.crop import fit_aspect

HALF_ENLARGE = 1.5  # a half body's box is cut this much larger
FEWEST_OF_HALF = 3  # joints that a half body must show


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a crop, and how often. Source: docs/glsmamba.md, Training; uniform draws are ours."""

    rotation: float = 45.0  # degrees, to either side
    rotation_chance: float = 0.6
    scale: float = 0.35  # the crop's size is multiplied by 1 - scale to 1 + scale
    half_body_chance: float = 0.3
    half_body_above: int = 8  # only persons with more present joints than this
    flip_chance: float = 0.5


@dataclass(frozen=True)
class Draw:
    """What happens to one crop: center and size (2,) in image pixels, rotation in degrees, mirrored or not."""

    center: np.ndarray
    size: np.ndarray
    rotation: float = 0.0
    mirror: bool = False


def drawn(
    augmentation: Augmentation,
    rng: np.random.Generator,
    center: np.ndarray,
    size: np.ndarray,
    joints: np.ndarray,
    upper: np.ndarray,
) -> Draw:
    """One random variation of a crop.

    center, size (2,) pixels of the unchanged crop; joints (J', 2) pixels of the J' present joints and upper (J',)
    bool, which of them belong to the upper half of the body.
    """
    half, which, scale, rotate, angle, mirror = rng.random(6)
    if half < augmentation.half_body_chance and len(joints) > augmentation.half_body_above:
        center, size = _half_body(center, size, joints, upper, which < 0.5)
    return Draw(
        center,
        size * (1 + augmentation.scale * (2 * scale - 1)),
        augmentation.rotation * (2 * angle - 1) if rotate < augmentation.rotation_chance else 0.0,
        bool(mirror < augmentation.flip_chance),
    )


def _half_body(
    center: np.ndarray, size: np.ndarray, joints: np.ndarray, upper: np.ndarray, want_upper: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size of a crop of one half: the mean of its joints, and 1.5 times their extent, at the same aspect.

    The other half stands in for one with fewer than three joints; where neither has more, nothing changes.
    Source: HRNet's augmentation, which this line of work inherits.
    """
    for side in (upper == want_upper, upper != want_upper):
        chosen = joints[side]
        if len(chosen) >= FEWEST_OF_HALF and np.ptp(chosen, axis=0).max() > 0:
            extent = fit_aspect(np.ptp(chosen, axis=0), size[0] / size[1])
            return chosen.mean(0), HALF_ENLARGE * extent
    return center, size
