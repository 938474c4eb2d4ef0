"""Pixels and millimetres to the numbers that lifting networks see.

Source: PoseMamba's data preparation (inherited from MotionBERT): both axes are divided by the *width*.
"""

import numpy as np

from datasets.skeletons import ROOT

PerFrame = np.ndarray | float


def normalise_keypoints(keypoints: np.ndarray, width: PerFrame, height: PerFrame) -> np.ndarray:
    """Keypoints in pixels -> x' = 2x/w - 1, y' = 2y/w - h/w; a third channel (confidence) is left as it is.

    keypoints: (N, J, 2 or 3); width, height: pixels, (N,) or one number. Returns the same shape, float32.
    """
    width, height = _column(width), _column(height)
    result = np.array(keypoints, np.float64)
    result[..., 0] = 2 * result[..., 0] / width - 1
    result[..., 1] = 2 * result[..., 1] / width - height / width
    return result.astype(np.float32)


def normalise_labels(
    joints: np.ndarray, factor: np.ndarray, width: PerFrame, height: PerFrame, root: int = ROOT
) -> np.ndarray:
    """Joints in 2.5D image space (mm) -> root-relative labels (N, J, 3) float32, normalised as keypoints are.

    joints: (N, J, 3) mm; factor: (N,) mm per pixel; width, height: pixels, (N,) or one number. joints / factor
    is `joint3d_image` (pixels); its depth becomes z' = 2z/w. The root becomes exactly 0.
    """
    image = np.asarray(joints, np.float64) / np.asarray(factor, np.float64)[:, None, None]  # (N, J, 3) px
    image[..., 2] *= 2 / _column(width)
    image[..., :2] = normalise_keypoints(image[..., :2], width, height)
    return (image - image[:, root : root + 1]).astype(np.float32)


def _column(values: PerFrame) -> np.ndarray:
    """(N,) or one number -> (N, 1) or (1, 1), to stand beside the joints."""
    return np.atleast_1d(np.asarray(values, np.float64))[:, None]
