"""From boxes to crops and back: one affine map, one convention.

**The convention** (UDP, unbiased data processing; Huang et al., CVPR 2020): a coordinate counts pixels between
*centres*. Pixel k of an image, a crop or a heatmap has its centre at exactly k, and a picture of n pixels is n - 1
long. A box (x, y, w, h) has its centre at (x + w/2, y + h/2); that point lands on the middle of the crop,
((W - 1)/2, (H - 1)/2), and w and h become W - 1 and H - 1. Crop and heatmap differ by the factor (W - 1)/(w' - 1)
alone, so flips and round trips are exact. ViTPose is trained this way; its weights expect it.

The peers on video were trained by an older one (CORNERS): a picture of n pixels is n long, the box's centre lands on
(W/2, H/2), and crop and heatmap differ by the factor W/w'. FAMI-Pose's released code cuts by the new one, though a box
is a pixel shorter, and reads heatmaps by the old one (MIXED): what it finds lies about half a crop pixel too far left
and up.
"""

import cv2
import numpy as np

from base.errors import InputError

CENTRES, CORNERS, MIXED = "centres", "corners", "mixed"
ASPECT = 192 / 256  # width to height
ENLARGE = 1.25  # boxes are cut this much larger (docs/glsmamba.md)
MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # ImageNet's, RGB
STD = np.array([0.229, 0.224, 0.225], np.float32)

cv2.setNumThreads(1)  # many small warps: threads cost more than they bring, and training has its own


def boxes_to_crops(
    boxes: np.ndarray, aspect: float = ASPECT, enlarge: float = ENLARGE
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 4) x, y, w, h in pixels -> centres (N, 2) and sizes (N, 2), width and height, in pixels.

    The shorter side grows until width : height = `aspect`, then both grow by `enlarge`.
    Raises InputError naming the first box that is not finite or has no extent.
    """
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    bad = ~(np.isfinite(boxes).all(-1) & (boxes[:, 2:] > 0).all(-1))
    if bad.any():
        row = int(bad.argmax())
        raise InputError(f"box {row} is {boxes[row].tolist()}: x, y, width, height must be finite, the sides above 0")
    return boxes[:, :2] + boxes[:, 2:] / 2, enlarge * fit_aspect(boxes[:, 2:], aspect)


def fit_aspect(size: np.ndarray, aspect: float) -> np.ndarray:
    """(..., 2) width, height -> the smallest size of this aspect that holds it."""
    width = np.maximum(size[..., 0], size[..., 1] * aspect)
    return np.stack([width, width / aspect], -1)


def crop_matrix(
    center: np.ndarray,
    size: np.ndarray,
    shape: tuple[int, int],
    rotation: float = 0.0,
    mirror: bool = False,
    pixels: str = CENTRES,
) -> np.ndarray:
    """The map from image pixels to crop pixels, (2, 3) float64.

    center, size (2,) pixels of the image; shape: the crop's (width, height); rotation in degrees turns the picture
    clockwise about the centre; mirror exchanges the crop's left and right (swap the joints' sides as well); pixels:
    the convention
    """
    length = np.array(shape, float) - (pixels != CORNERS)
    angle = np.deg2rad(rotation)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])  # y points down
    linear = (length / (size - (pixels == MIXED)))[:, None] * turn
    matrix = np.concatenate([linear, (length / 2 - linear @ center)[:, None]], 1)
    if mirror:
        matrix[0] = [0, 0, length[0]] - matrix[0]
    return matrix


def inverse(matrices: np.ndarray) -> np.ndarray:
    """The maps back, (..., 2, 3) -> (..., 2, 3)."""
    linear = np.linalg.inv(matrices[..., :2])
    return np.concatenate([linear, -linear @ matrices[..., 2:]], -1)


def transform(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points through affine maps: (..., 2, 3), (..., K, 2) -> (..., K, 2)."""
    return points @ matrices[..., :2].swapaxes(-1, -2) + matrices[..., None, :, 2]


def rescale(points: np.ndarray, source: tuple[int, int], target: tuple[int, int], pixels: str = CENTRES) -> np.ndarray:
    """Points (..., 2) of a picture of `source` (width, height) pixels, in one of `target` that shows the same."""
    less = pixels == CENTRES
    return points * ((np.array(target) - less) / (np.array(source) - less))


def crop(image: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The crop of an RGB image: (H, W, 3) uint8, (2, 3), (width, height) -> (height, width, 3) uint8.

    Bilinear; what lies beyond the image is black.
    """
    return cv2.warpAffine(image, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def normalised(crops: np.ndarray) -> np.ndarray:
    """(T, H, W, 3) uint8 RGB -> (T, 3, H, W) float32, with ImageNet's mean and deviation."""
    clip = np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32)  # bytes are cheaper to turn than floats
    clip *= (1 / (255 * STD))[:, None, None]
    clip -= (MEAN / STD)[:, None, None]
    return clip
