"""Cameras: projection, the 2.5D image space, normalisation."""

import cv2
import numpy as np
import pytest

from datasets.motion.cameras import image_space, pixel_size, project, subject_cameras, to_camera
from datasets.normalise import normalise_keypoints, normalise_labels
from datasets.skeletons import BONES, FLIP_ORDER, JOINTS, PARENTS

CAMERAS = subject_cameras(1, seed=0)


@pytest.fixture
def points() -> np.ndarray:
    """World points of a person who moves about, (T, 17, 3) metres."""
    return np.random.default_rng(0).uniform((-1, -1, 0), (1, 1, 1.8), (50, 17, 3))


@pytest.mark.parametrize("camera", CAMERAS)
def test_projection_is_opencvs(camera, points: np.ndarray) -> None:
    (fx, fy), (cx, cy) = camera.focal, camera.centre
    intrinsic, (k1, k2, k3) = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), camera.radial
    offset = -camera.rotation @ camera.position
    distortion = np.array([k1, k2, *camera.tangential, k3])
    pixels, _ = cv2.projectPoints(
        points.reshape(-1, 3), cv2.Rodrigues(camera.rotation)[0], offset, intrinsic, distortion
    )
    np.testing.assert_allclose(project(to_camera(points, camera), camera).reshape(-1, 2), pixels[:, 0], atol=1e-6)
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)


def test_golden_projection() -> None:
    """Brown-Conrady by hand: x' = 0.1, y' = -0.2 with the first camera's published coefficients."""
    k1, k2, k3, p1, p2 = -0.20709892, 0.24777518, -0.00307515, -0.00097570, -0.00142447
    r2 = 0.1**2 + 0.2**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    x = 0.1 * radial + 2 * p1 * 0.1 * -0.2 + p2 * (r2 + 2 * 0.1**2)
    y = -0.2 * radial + p1 * (r2 + 2 * 0.2**2) + 2 * p2 * 0.1 * -0.2
    expected = (1145.04944 * x + 512.5415, 1143.78113 * y + 515.45148)
    np.testing.assert_allclose(project(np.array([0.5, -1.0, 5.0]), CAMERAS[0]), expected, atol=1e-6)


def test_up_is_up_and_the_cameras_stand_around() -> None:
    feet_and_head = np.array([[0, 0, 0.0], [0, 0, 1.7]])
    for camera in CAMERAS:
        (_, foot), (_, head) = project(to_camera(feet_and_head, camera), camera)
        assert foot > head + 200  # pixels grow downwards
        assert 3.5 < np.linalg.norm(camera.position[:2]) < 6
    again, other = subject_cameras(1, seed=0), subject_cameras(2, seed=0)
    np.testing.assert_array_equal(again[0].position, CAMERAS[0].position)
    assert 0 < np.abs(other[0].position - CAMERAS[0].position).max() <= 0.2


@pytest.mark.parametrize("camera", CAMERAS)
def test_image_space_gives_back_pixels_and_depth(camera, points: np.ndarray) -> None:
    joints, factor = image_space(points, camera)
    seen = to_camera(points, camera)
    np.testing.assert_allclose(joints[..., :2] / factor[:, None, None], project(seen, camera), atol=1e-9)
    np.testing.assert_allclose(joints[..., 2], 1000 * (seen[..., 2] - seen[:, :1, 2]), atol=1e-9)
    # Close to the pinhole's own ratio, which distortion changes by a few per cent.
    np.testing.assert_allclose(factor, 1000 * seen[:, 0, 2] / camera.focal[0], rtol=0.06)
    np.testing.assert_array_equal(factor, pixel_size(seen[:, 0], camera))


def test_normalisation_divides_both_axes_by_the_width() -> None:
    corners = np.array([[[0, 0, 0.5], [1000, 1002, 0.25]]])
    expected = [[[-1, -1.002, 0.5], [1, 1.002, 0.25]]]
    normalised = normalise_keypoints(corners, np.array([1000]), np.array([1002]))
    np.testing.assert_allclose(normalised, expected, atol=1e-6)
    assert normalised.dtype == np.float32


def test_labels_are_root_relative_and_scaled_like_keypoints() -> None:
    factor = np.array([4.0])
    joints = np.zeros((1, 17, 3))
    joints[0, :, :2] = 500 * 4.0
    joints[0, 3] = (600 * 4.0, 450 * 4.0, 400.0)  # 100 px right, 50 px up, 400 mm = 100 px behind
    labels = normalise_labels(joints, factor, 1000, 1002)
    np.testing.assert_allclose(labels[0, 3], (0.2, -0.1, 0.2), atol=1e-6)
    assert labels.dtype == np.float32
    assert not labels[0, 0].any()


def test_skeleton_is_a_tree_and_the_flip_its_own_inverse() -> None:
    assert all(parent < joint for joint, parent in enumerate(PARENTS))
    assert len(BONES) == 16
    assert [FLIP_ORDER[i] for i in FLIP_ORDER] == list(range(17))
    for joint, partner in enumerate(FLIP_ORDER):
        assert JOINTS[partner] == JOINTS[joint].replace("left", "?").replace("right", "left").replace("?", "right")
        if joint:
            assert PARENTS[partner] == FLIP_ORDER[PARENTS[joint]]
