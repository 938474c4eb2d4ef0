"""The one convention of crops: where points land, that pictures go with them, and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from datasets.video.crop import (
    MEAN,
    STD,
    boxes_to_crops,
    crop,
    crop_matrix,
    inverse,
    normalised,
    rescale,
    transform,
)

SHAPE = (192, 256)


def dots(points: np.ndarray, shape: tuple[int, int] = (400, 300), radius: float = 4.0) -> np.ndarray:
    """A black picture (H, W, 3) with a soft white dot about each exact place."""
    x, y = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]))
    light = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * radius**2)) for px, py in points)
    return np.repeat((255 * light).round().astype(np.uint8)[..., None], 3, -1)


def centroid(image: np.ndarray) -> np.ndarray:
    light = image[..., 0].astype(float)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    return np.array([(x * light).sum(), (y * light).sum()]) / light.sum()


def test_a_box_of_the_right_aspect_fills_the_crop() -> None:
    center, size = boxes_to_crops([[30, 40, 60, 80]], enlarge=1.0)
    matrix = crop_matrix(center[0], size[0], SHAPE)
    corners = np.array([[30, 40], [90, 120], [60, 80]], float)
    np.testing.assert_allclose(transform(matrix, corners), [[0, 0], [191, 255], [95.5, 127.5]], atol=1e-9)
    np.testing.assert_allclose(rescale(transform(matrix, corners), SHAPE, (48, 64)), [[0, 0], [47, 63], [23.5, 31.5]])


def test_boxes_grow_to_the_aspect_and_then_by_a_quarter() -> None:
    center, size = boxes_to_crops([[0, 0, 60, 80], [0, 0, 60, 40], [10, 20, 30, 80]])
    np.testing.assert_allclose(size, [[75, 100], [75, 100], [75, 100]])
    np.testing.assert_allclose(center, [[30, 40], [30, 20], [25, 60]])
    assert boxes_to_crops(np.zeros((0, 4)))[0].shape == (0, 2)


@given(st.integers(0, 2**32 - 1), st.floats(-180, 180), st.booleans())
def test_there_and_back(seed: int, rotation: float, mirror: bool) -> None:
    rng = np.random.default_rng(seed)
    matrices = np.stack([
        crop_matrix(rng.uniform(0, 500, 2), rng.uniform(20, 400) * np.array([0.75, 1]), SHAPE, rotation, mirror)
        for _ in range(3)
    ])  # fmt: skip
    points = rng.uniform(-100, 600, (3, 15, 2))
    np.testing.assert_allclose(transform(inverse(matrices), transform(matrices, points)), points, atol=1e-8)


def test_a_crop_at_scale_one_is_the_picture_itself() -> None:
    """No half pixel is lost: a size of W - 1 about the middle pixel copies every pixel, and mirrors every pixel."""
    image = np.random.default_rng(0).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    center, size = np.array([29.5, 39.5]), np.array([59.0, 79.0])
    for mirror in (False, True):
        matrix = crop_matrix(center, size, (60, 80), mirror=mirror)
        np.testing.assert_array_equal(crop(image, matrix, (60, 80)), image[:, ::-1] if mirror else image)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_picture_goes_where_the_points_go(seed: int, mirror: bool) -> None:
    rng = np.random.default_rng(seed)
    point = rng.uniform([150, 100], [250, 200])
    matrix = crop_matrix(np.array([200.0, 150]), rng.uniform(150, 280) * np.array([0.75, 1]), SHAPE,
                         rng.uniform(-180, 180), mirror)  # fmt: skip
    place = transform(matrix, point[None])[0]
    if (place > 30).all() and (place < np.array(SHAPE) - 31).all():
        np.testing.assert_allclose(centroid(crop(dots([point]), matrix, SHAPE)), place, atol=0.06)


def test_rotation_is_clockwise_on_the_screen() -> None:
    matrix = crop_matrix(np.array([50.0, 50]), np.array([75.0, 100]), SHAPE, rotation=90)
    right = transform(matrix, np.array([[60.0, 50]]))[0]
    assert right[0] == pytest.approx(95.5)
    assert right[1] > 127.5  # y points down


def test_beyond_the_image_is_black() -> None:
    matrix = crop_matrix(np.array([0.0, 50]), np.array([75.0, 100]), SHAPE)
    cut = crop(np.full((100, 100, 3), 200, np.uint8), matrix, SHAPE)
    assert (cut[:, :90] == 0).all()
    assert (cut[10:240, 105:] == 200).all()


def test_normalised_is_imagenets() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    clip = normalised(crops)
    assert clip.shape == (2, 3, 4, 5)
    assert clip.dtype == np.float32
    back = clip.transpose(0, 2, 3, 1) * STD + MEAN
    np.testing.assert_allclose(255 * back, crops, atol=1e-3)
    assert MEAN.tolist() == pytest.approx([0.485, 0.456, 0.406])


@pytest.mark.parametrize("box", [[0, 0, 0, 10], [0, 0, 10, -1], [np.nan, 0, 10, 10], [0, 0, np.inf, 10]])
def test_a_box_without_extent_is_refused_by_number(box: list) -> None:
    with pytest.raises(InputError, match="box 1 is"):
        boxes_to_crops([[0, 0, 10, 10], box])
