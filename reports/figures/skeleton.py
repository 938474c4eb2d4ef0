"""Drawing skeletons: names of the joints, a standing figure, a view of a pose on paper."""

import numpy as np
from matplotlib.axes import Axes

from datasets.skeletons import BONES, STANDING
from datasets.skeletons import JOINTS as JOINT_IDS

JOINT_NAMES = tuple(name.replace("_", " ") for name in JOINT_IDS)
JOINTS = len(JOINT_NAMES)
__all__ = ["JOINTS", "JOINT_NAMES", "STANDING", "bare", "draw_bones", "project"]
AZIMUTH, ELEVATION = np.radians(25), np.radians(12)


def project(pose: np.ndarray) -> np.ndarray:
    """A pose (J, 3) in camera directions (x right, y down, z away) seen from a bit to the side and above: (J, 2)."""
    x, y, z = pose[:, 0], -pose[:, 1], pose[:, 2]
    across = x * np.cos(AZIMUTH) + z * np.sin(AZIMUTH)
    away = -x * np.sin(AZIMUTH) + z * np.cos(AZIMUTH)
    return np.stack([across, y * np.cos(ELEVATION) + away * np.sin(ELEVATION)], axis=1)


def draw_bones(axes: Axes, points: np.ndarray, **line: object) -> None:
    """Draw a skeleton whose joints lie at points (17, 2) as one line per bone."""
    for a, b in BONES:
        axes.plot(*points[[a, b]].T, solid_capstyle="round", **line)


def bare(axes: Axes) -> None:
    """Equal units in both directions; no ticks, grid or frame."""
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
