"""Training augmentations of the top-down pipeline. One draw holds for all frames of a window.

Every draw takes the same six numbers from the generator, whatever happens, so that switching one augmentation off
leaves the others as they were.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from datasets.video.crop import fit_aspect

HALF_ENLARGE = 1.5  # a half body's box is cut this much larger
FEWEST_OF_HALF = 3  # joints that a half body must show
UNIFORM, NORMAL = "uniform", "normal"
STANDARD, TINY = NormalDist(), 1e-300  # a uniform variate may be 0, which has no normal one
# How often a half body is the upper one. HRNet's code, and all that followed it, compares a normal variate with 0.5.
UPPER = {UNIFORM: 0.5, NORMAL: STANDARD.cdf(0.5)}


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a crop, and how often. Sources: docs/glsmamba.md, Training, and docs/peers.md, Training.

    rotation : degrees to either side
    scale : the crop's size is multiplied by 1 - scale to 1 + scale
    spread : of both. Ours is uniform up to these. Released code's is normal with these as deviations, cut off at twice
        the rotation and at the scale itself; its half bodies are more often the upper ones.
    """

    rotation: float = 45.0
    rotation_chance: float = 0.6
    scale: float = 0.35
    half_body_chance: float = 0.3
    half_body_above: int = 8  # only persons with more present joints than this
    flip_chance: float = 0.5
    spread: str = UNIFORM

    def deviation(self, variate: float, limit: float) -> float:
        """How far to go of what is stated, from a uniform variate in [0, 1). limit: of the normal spread."""
        if self.spread == UNIFORM:
            return 2 * variate - 1
        return min(max(STANDARD.inv_cdf(max(variate, TINY)), -limit), limit)


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
        center, size = _half_body(center, size, joints, upper, which < UPPER[augmentation.spread])
    return Draw(
        center,
        size * (1 + augmentation.scale * augmentation.deviation(scale, 1)),
        augmentation.rotation * augmentation.deviation(angle, 2) if rotate < augmentation.rotation_chance else 0.0,
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
