"""A hand-held camera: a pinhole whose aim, roll, zoom and place wander smoothly, at any moment of time.

World: metres, z up, the floor at z = 0; the camera looks along +y. Camera axes: x right, y down, z into the image.
"""

from dataclasses import dataclass

import numpy as np

UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # world to camera when it looks along +y
WAVES = 4  # sines in each wandering quantity


@dataclass(frozen=True)
class CameraPose:
    """The camera at moments (...): focal (...) pixels, rotation (..., 3, 3) world to camera, position (..., 3)."""

    focal: np.ndarray
    rotation: np.ndarray
    position: np.ndarray
    size: tuple[int, int]

    def __getitem__(self, moment: int | tuple) -> "CameraPose":
        return CameraPose(self.focal[moment], self.rotation[moment], self.position[moment], self.size)

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points (..., N, 3) to camera coordinates, metres."""
        return self.turned(points - self.position[..., None, :])

    def turned(self, vectors: np.ndarray) -> np.ndarray:
        """World directions (..., N, 3) to camera axes."""
        return vectors @ np.swapaxes(self.rotation, -1, -2)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Camera coordinates (..., N, 3) to pixels (..., N, 2); behind the camera means nothing."""
        depth = np.maximum(points[..., 2:], 1e-3)
        return self.focal[..., None, None] * points[..., :2] / depth + self.centre

    @property
    def centre(self) -> np.ndarray:
        """The principal point, (2,) pixels: the middle of the image."""
        return (np.array(self.size) - 1) / 2

    def plane(self, origin: np.ndarray, along: np.ndarray, up: np.ndarray) -> np.ndarray:
        """(..., 3, 3): homogeneous coordinates a, b, 1 on a plane (origin + a along + b up) to pixels."""
        intrinsics = np.zeros((*self.focal.shape, 3, 3))
        intrinsics[..., 0, 0] = intrinsics[..., 1, 1] = self.focal
        intrinsics[..., :2, 2], intrinsics[..., 2, 2] = self.centre, 1
        place = origin - self.position
        basis = np.stack(np.broadcast_arrays(along, up, place), -1)  # (..., 3, 3), columns
        return intrinsics @ self.rotation @ basis


@dataclass(frozen=True)
class HandheldCamera:
    """A camera path. size: (width, height); focal: pixels at rest; height: metres; pitch: radians, down is positive;
    unrest: table of sines (7, WAVES, 3) of yaw, pitch, roll, zoom and the three directions: amplitude, rate a frame,
    phase.
    """

    size: tuple[int, int]
    focal: float
    height: float
    pitch: float
    unrest: np.ndarray

    def rest(self) -> CameraPose:
        """The camera as if held still."""
        return self._view(np.zeros(7))

    def at(self, times: np.ndarray) -> CameraPose:
        """The camera at times (...), in frames."""
        amplitude, rate, phase = np.moveaxis(self.unrest, -1, 0)  # (7, WAVES) each
        waves = amplitude * np.sin(rate * np.asarray(times)[..., None, None] + phase)
        return self._view(waves.sum(-1))

    def _view(self, moved: np.ndarray) -> CameraPose:
        yaw, pitch, roll, zoom = np.moveaxis(moved[..., :4], -1, 0)
        rotation = _about(2, roll) @ _about(0, pitch + self.pitch) @ _about(1, yaw) @ UPRIGHT
        position = moved[..., 4:] + np.array([0, 0, self.height])
        return CameraPose(self.focal * np.exp(zoom), rotation, position, self.size)


def handheld(rng: np.random.Generator, strength: float) -> np.ndarray:
    """Sines (7, WAVES, 3) of a hand; slow ones are wide. strength: 0 for a tripod, 1 for a walking cameraman."""
    spread = strength * np.array([0.035, 0.020, 0.018, 0.030, 0.05, 0.03, 0.025])  # radians, log zoom, metres
    rate = 2 * np.pi * np.exp(rng.uniform(np.log(0.012), np.log(0.12), (7, WAVES)))  # a frame
    amplitude = spread[:, None] * np.sqrt(0.012 / (rate / (2 * np.pi))) * rng.normal(0, 1, (7, WAVES)) * 0.8
    return np.stack([amplitude, rate, rng.uniform(0, 2 * np.pi, (7, WAVES))], -1)


def _about(axis: int, angle: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) about one axis."""
    first, second = [i for i in range(3) if i != axis]
    matrix = np.zeros((*np.shape(angle), 3, 3))
    matrix[..., axis, axis] = 1
    matrix[..., first, first] = matrix[..., second, second] = np.cos(angle)
    matrix[..., first, second], matrix[..., second, first] = -np.sin(angle), np.sin(angle)
    return matrix
