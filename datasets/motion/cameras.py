"""Four cameras like Human3.6M's, and the step from a world in metres to the 2.5D image space of the papers.

Intrinsics are those published with Human3.6M; positions are near the real ones, moved and rolled a
little for each subject. Camera axes: x right, y down, z into the image.
"""

from dataclasses import dataclass

import numpy as np

from datasets.skeletons import ROOT

CAMERAS = 4
AIM = np.array([0.0, 0.0, 0.95])  # metres
JITTER = 0.1  # metres, either way along each axis
ROLL = np.radians(1.0)  # either way
BOX = 2.0  # metres: side of the box around the root that gives `factor`
STREAM = 1  # separates the cameras' random numbers from other uses of the same seed


@dataclass(frozen=True)
class Camera:
    """Pinhole with distortion: focal, centre (2,) px; radial k1 k2 k3, tangential p1 p2; size (width, height) px;
    rotation (3, 3) world to camera, position (3,) metres in the world; doubled: the factor of the tangential terms, 2
    in Brown-Conrady's model and 1 in Human3.6M's own code.
    """

    focal: tuple[float, float]
    centre: tuple[float, float]
    radial: tuple[float, float, float]
    tangential: tuple[float, float]
    size: tuple[int, int]
    rotation: np.ndarray
    position: np.ndarray
    doubled: int = 2


# Human3.6M's published calibration of cameras 54138969, 55011271, 58860488, 60457274.
_FOCAL = ((1145.04944, 1143.78113), (1149.67566, 1147.59167), (1149.14075, 1148.79895), (1145.51135, 1144.77393))
_CENTRE = ((512.54150, 515.45148), (508.84863, 508.06491), (519.81586, 501.40265), (514.96820, 501.88202))
_RADIAL = (
    (-0.20709892, 0.24777518, -0.00307515),
    (-0.19421363, 0.24040854, 0.00681998),
    (-0.20833819, 0.25548801, -0.00246050),
    (-0.19838409, 0.21832366, -0.00894781),
)
_TANGENTIAL = (
    (-0.00097570, -0.00142447),
    (-0.00161903, -0.00274089),
    (0.00148439, -0.00076000),
    (-0.00058721, -0.00181336),
)
_SIZES = ((1000, 1002), (1000, 1000), (1000, 1000), (1000, 1002))
_POSITIONS = ((1.9, 4.95, 1.60), (1.9, -5.05, 1.60), (-1.75, 5.15, 1.48), (-1.70, -3.85, 1.55))


def subject_cameras(subject: int, seed: int) -> list[Camera]:
    """The four cameras as they stand for one subject: jittered and rolled, the same for the same seed."""
    rng = np.random.default_rng([seed, STREAM, subject])
    cameras = []
    for *intrinsics, position in zip(_FOCAL, _CENTRE, _RADIAL, _TANGENTIAL, _SIZES, _POSITIONS, strict=True):
        place = np.array(position) + rng.uniform(-JITTER, JITTER, 3)
        cameras.append(Camera(*intrinsics, _looking_at(AIM, place, rng.uniform(-ROLL, ROLL)), place))
    return cameras


def to_camera(points: np.ndarray, camera: Camera) -> np.ndarray:
    """World points (..., 3) to camera coordinates (..., 3), metres."""
    return (points - camera.position) @ camera.rotation.T


def project(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Camera coordinates (..., 3) in metres to pixels (..., 2), with radial and tangential (Brown-Conrady) distortion.

    x/z and y/z are held within -1 and 1, beyond which the polynomial means nothing (as VideoPose3D does).
    """
    plane = np.clip(points[..., :2] / points[..., 2:], -1, 1)
    return _distort(plane, camera) * camera.focal + camera.centre


def image_space(joints: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """World joints (T, J, 3) in metres to MotionBERT's 2.5D image space.

    Returns joints (T, J, 3) mm: (u factor, v factor, depth - root depth) with u, v the projected pixels, and
    factor (T,), mm per pixel at the root. joints / factor[:, None, None] is MotionBERT's `joint3d_image`.
    """
    points = to_camera(joints, camera)
    factor = pixel_size(points[:, ROOT], camera)
    flat = project(points, camera) * factor[:, None, None]
    depth = 1000 * (points[..., 2:] - points[:, ROOT : ROOT + 1, 2:])
    return np.concatenate([flat, depth], -1), factor


def pixel_size(root: np.ndarray, camera: Camera) -> np.ndarray:
    """Millimetres per pixel at the root: width of a 2000 mm box around it over its projected width (LCN's rule).

    root: (T, 3) camera coordinates in metres. Returns (T,).
    """
    half = np.array([BOX / 2, 0, 0])
    return 1000 * BOX / (project(root + half, camera)[:, 0] - project(root - half, camera)[:, 0])


def _looking_at(aim: np.ndarray, place: np.ndarray, roll: float) -> np.ndarray:
    """Rotation (3, 3) world to camera of a camera at `place` that looks at `aim`, turned by `roll` about its axis."""
    forward = (aim - place) / np.linalg.norm(aim - place)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    upright = np.stack([right, np.cross(forward, right), forward])
    cos, sin = np.cos(roll), np.sin(roll)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ upright


def _distort(plane: np.ndarray, camera: Camera) -> np.ndarray:
    """Ideal to distorted coordinates on the plane z = 1, (..., 2)."""
    (k1, k2, k3), (p1, p2) = camera.radial, camera.tangential
    x, y = plane[..., 0], plane[..., 1]
    r2 = x * x + y * y
    scale = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)) + camera.doubled * (p1 * y + p2 * x)
    return np.stack([x * scale + p2 * r2, y * scale + p1 * r2], -1)
