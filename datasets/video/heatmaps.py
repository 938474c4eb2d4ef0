"""Heatmaps: what a network is taught, and what its answer says. Heatmap pixels by the convention of topdown_crop."""

import numpy as np

from base.errors import InputError

SIGMA = 2.0  # heatmap pixels, at 64 x 48 (3 goes with 96 x 72)
SUPPORT = 3.0  # a Gaussian ends this many sigma from its middle pixel, on each side
SHIFT = 0.25  # heatmap pixels, toward the higher neighbour


def gaussian_targets(
    joints: np.ndarray, present: np.ndarray, weights: np.ndarray, shape: tuple[int, int], sigma: float = SIGMA
) -> tuple[np.ndarray, np.ndarray]:
    """Target heatmaps (J, h, w) float32 and the weight of each in the loss (J,) float32.

    joints (J, 2) heatmap pixels; present (J,) bool; weights (J,) of the joint set; shape: (width, height).
    A Gaussian of peak 1 about the exact place of the joint (UDP: not about the nearest pixel), cut off 3 sigma from
    the nearest pixel. A joint that is absent or outside of the heatmap has an empty map and weight 0.
    Source: ViTPose's unbiased targets (UDP; Huang et al., CVPR 2020); docs/glsmamba.md has the sizes.
    """
    inside = present & ((joints >= 0) & (joints <= np.array(shape) - 1)).all(-1)
    place = np.where(inside[:, None], joints, 0.0)  # absent joints may be anything
    across, down = (_bell(np.arange(n), place[:, axis], sigma) for axis, n in enumerate(shape))
    maps = down[:, :, None] * across[:, None, :] * inside[:, None, None]  # (J, h, 1) x (J, 1, w)
    return maps.astype(np.float32), (weights * inside).astype(np.float32)


def decode(heatmaps: np.ndarray, released: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(..., J, h, w) -> joints (..., J, 2) in heatmap pixels, and the maxima (..., J).

    The first highest pixel, and a quarter of a pixel toward the higher of its two neighbours, in x and in y; no
    shift where they are equal or where one is missing.

    released : as HRNet's code and its followers' has it: no shift, along neither axis, on the border or one pixel from
        the left or upper one; and (0, 0) where nothing is above 0

    Raises InputError if a value is NaN or infinite.
    """
    heatmaps = np.asarray(heatmaps)
    *lead, h, w = heatmaps.shape
    flat = heatmaps.reshape(-1, h * w)
    best = flat.argmax(-1)
    maxima = flat[np.arange(len(flat)), best]
    if not np.isfinite(maxima).all():  # argmax finds NaN first, then infinity
        raise InputError("a heatmap has NaN or infinite values: training diverged, or the weights are damaged")
    y, x = np.divmod(best, w)
    shift = np.stack([_toward_higher(flat, best, x, w, 1), _toward_higher(flat, best, y, h, w)], -1)
    places = np.stack([x, y], -1)
    if released:
        shift *= ((places > 1) & (places < np.array([w, h]) - 1)).all(-1, keepdims=True)
        places = places * (maxima > 0)[:, None]
    return (places + SHIFT * shift).reshape(*lead, 2), maxima.reshape(lead)


def mirrored(heatmaps: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """Heatmaps (..., J, h, w) of the mirrored picture, joints exchanged by `flip` (J,). Its own inverse."""
    return heatmaps[..., flip, :, ::-1]


def flip_average(heatmaps: np.ndarray, of_mirrored: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """Flip test: the mean of heatmaps (..., J, h, w) and those predicted for the mirrored clip, turned back.

    No shift by a pixel: in this convention a mirror image of the crop is exactly one of the heatmap.
    """
    return (heatmaps + mirrored(of_mirrored, flip)) / 2


def _bell(pixels: np.ndarray, middle: np.ndarray, sigma: float) -> np.ndarray:
    """(n,), (J,) -> (J, n): exp(-d² / 2 sigma²), 0 beyond the support."""
    near = np.abs(pixels - np.floor(middle + 0.5)[:, None]) <= SUPPORT * sigma
    return np.where(near, np.exp(-((pixels - middle[:, None]) ** 2) / (2 * sigma**2)), 0.0)


def _toward_higher(flat: np.ndarray, best: np.ndarray, place: np.ndarray, n: int, step: int) -> np.ndarray:
    """(M,) -1, 0 or 1 along one axis of n pixels that lie `step` apart in the flat maps (M, h w)."""
    between = (place > 0) & (place < n - 1)
    rows, middle = np.arange(len(flat)), np.where(between, best, step)  # any pixel with both neighbours
    if n < 3:
        return np.zeros(len(flat))
    return np.sign(flat[rows, middle + step] - flat[rows, middle - step]) * between
