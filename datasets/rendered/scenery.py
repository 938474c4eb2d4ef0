"""Scenery: a painted back wall and floor that move rightly with the camera, and bars that stand about.

Wall and floor are two planes, painted as the resting camera sees them; each frame warps them by the homographies of
the moved camera, so that they show parallax and feet do not slide.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.rendered.camera import CameraPose

MARGIN = 0.2  # of the image's size, painted beyond each border
X, Y, Z = np.eye(3)
SKY, WALL, CROWD = range(3)
STRENGTHS, CHANCES = (8, 20, 45), np.cumsum([0.4, 0.45, 0.15])  # of a tint, and the chance of one up to each


@dataclass(frozen=True)
class Scenery:
    """painting (h, w, 3) uint8: what the resting camera sees, with the margin; distance: metres to the wall;
    wall, floor (3, 3): painting's pixels to coordinates on the planes.
    """

    painting: np.ndarray
    distance: float
    wall: np.ndarray
    floor: np.ndarray

    def seen(self, view: CameraPose) -> np.ndarray:
        """The scenery as one view shows it, uint8 (H, W, 3)."""
        (width, height), seam = view.size, _seam(view, self.distance)
        first, last = (int(np.clip(row, 0, height)) for row in (seam[:, 1].min(), seam[:, 1].max() + 1))
        image = np.empty((height, width, 3), np.uint8)
        image[:last] = self._warped(view.plane(self.distance * Y, X, Z) @ self.wall, width, 0, last)
        if first == height:  # the camera looks above the floor
            return image
        floor = self._warped(view.plane(np.zeros(3), X, Y) @ self.floor, width, first, height)
        below = np.array([*seam, (width + 9, 2 * height), (-9, 2 * height)]) - [0, first]
        mask = np.zeros(floor.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, np.round(below).astype(np.int32), 255)
        image[first:] = cv2.copyTo(floor, mask, np.ascontiguousarray(image[first:]))
        return image

    def colours(self, rng: np.random.Generator) -> np.ndarray:
        """(6, 3) colours that occur where people stand."""
        height, width = self.painting.shape[:2]
        rows, columns = rng.integers(height // 3, height * 4 // 5, 6), rng.integers(width // 5, width * 4 // 5, 6)
        return cv2.blur(self.painting, (9, 9))[rows, columns].astype(float)

    def _warped(self, matrix: np.ndarray, width: int, first: int, last: int) -> np.ndarray:
        """Rows first to last - 1 of the warped painting."""
        if last == first:
            return np.empty((0, width, 3), np.uint8)
        shift = np.array([[1.0, 0, 0], [0, 1, -first], [0, 0, 1]])
        return cv2.warpPerspective(self.painting, shift @ matrix, (width, last - first), borderMode=cv2.BORDER_REFLECT)


def paint(rest: CameraPose, distance: float, rng: np.random.Generator) -> Scenery:
    """Scenery for a camera at rest, its wall `distance` metres away."""
    margin = np.round(MARGIN * np.array(rest.size)).astype(int)
    width, height = np.array(rest.size) + 2 * margin
    shift = np.array([[1.0, 0, margin[0]], [0, 1, margin[1]], [0, 0, 1]])
    wall, floor = shift @ rest.plane(distance * Y, X, Z), shift @ rest.plane(np.zeros(3), X, Y)
    seam = float((_seam(rest, distance)[0] + margin)[1])
    picture = _wall(rng, width, height, seam)
    below = np.arange(height) > seam
    picture[below] = _floor(rng, width, height, floor, distance)[below]
    dirt = _octaves(rng, width, height, 0.7)  # wear, leaves
    dirt *= 12
    picture += dirt
    shade = 1 + 0.15 * _octaves(rng, width, height, 0.3, octaves=2, grey=True)
    picture *= cv2.merge([shade] * 3)
    np.clip(picture, 0, 255, out=picture)
    picture = picture.astype(np.uint8)
    return Scenery(picture, distance, np.linalg.inv(wall), np.linalg.inv(floor))


def _seam(view: CameraPose, distance: float) -> np.ndarray:
    """Pixels (2, 2) of the line between wall and floor at the image's left and right border."""
    ends = view.project(view.to_camera(np.array([[-5.0, distance, 0], [5.0, distance, 0]])))
    slope = (ends[1] - ends[0])[1] / (ends[1] - ends[0])[0]
    at = np.array([-9.0, view.size[0] + 9.0])
    return np.stack([at, ends[0, 1] + slope * (at - ends[0, 0])], 1)


def _wall(rng: np.random.Generator, width: int, height: int, seam: float) -> np.ndarray:
    """What stands or hangs at the back, float (h, w, 3)."""
    kind = rng.integers(3)
    top, bottom = _tint(rng, 110, 235), _tint(rng, 60, 190)
    if kind == SKY:
        top = np.array([150, 185, 225]) + rng.normal(0, 18, 3)
    share = np.clip(np.arange(height) / max(seam, 1), 0, 1)[:, None, None]
    picture = np.tile(((1 - share) * top + share * bottom).astype(np.float32), (1, width, 1))
    if kind == SKY:
        _trees(rng, picture, seam)
    if kind == CROWD:
        _crowd(rng, picture, seam)
    _rectangles(rng, picture, seam, count=int(rng.integers(3, 12)), top=seam if kind == SKY else 0)
    _bars(rng, picture, seam)
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 2.2))


def _floor(rng: np.random.Generator, width: int, height: int, plane: np.ndarray, distance: float) -> np.ndarray:
    """Boards, tiles or grass in perspective, float (h, w, 3). plane: floor in metres to the painting's pixels."""
    detail = 24  # pixels a metre
    side = int(detail * (distance + 4))
    tint = _tint(rng, 50, 190).astype(np.float32).astype(float)
    tile = _octaves(rng, side, side, 0.8)
    tile *= 16
    cv2.add(tile, tint, tile)  # numpy takes five times as long for a colour
    if rng.random() < 0.65:
        step_x, step_y = rng.uniform(0.3, 2.0, 2) * detail
        x, y = (np.arange(side) // step % 2 == 1 for step in (step_x, step_y))
        odd = x ^ y[:, None] if rng.random() < 0.5 else np.broadcast_to(x, (side, side))
        colour = (rng.normal(0, 24) + rng.normal(0, 7, 3)).astype(np.float32)
        cv2.add(tile, colour.astype(float), tile, odd.astype(np.uint8))
    to_metres = np.array([[1 / detail, 0, -side / 2 / detail], [0, 1 / detail, -1.0], [0, 0, 1]])
    tile = cv2.GaussianBlur(tile, (0, 0), 1.0)
    return cv2.warpPerspective(tile, plane @ to_metres, (width, height), borderMode=cv2.BORDER_REFLECT)


def _tint(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """A colour (3,): mostly greyish, now and then strong."""
    grey, direction = rng.uniform(low, high), rng.normal(0, 1, 3)
    strength = STRENGTHS[np.searchsorted(CHANCES, rng.random(), side="right")]  # rng.choice, without its checks
    return (grey + direction * strength).clip(5, 250)


def _octaves(
    rng: np.random.Generator, width: int, height: int, roughness: float, octaves: int = 6, grey: bool = False
) -> np.ndarray:
    """Noise of several octaves, float32 (h, w, 3) or grey (h, w), about -2 to 2; roughness: how much finer ones count.

    Each octave doubles the grid of the coarser ones, so that only their sum is drawn out to full size.
    """
    total = np.zeros((1, 1, 3), np.float32)
    for octave in range(octaves):
        cells = 4 * 2**octave
        grid = rng.normal(0, 1, (cells, cells, 1)) + 0.2 * rng.normal(0, 1, (cells, cells, 3))
        coarser = cv2.resize(total, (cells, cells), interpolation=cv2.INTER_CUBIC)
        total = coarser + (roughness**octave * grid).astype(np.float32)
    whole = cv2.resize(total[..., 0] if grey else total, (width, height), interpolation=cv2.INTER_CUBIC)
    whole /= np.float32(np.sqrt(sum(roughness ** (2 * octave) for octave in range(octaves))))
    return whole


def _rectangles(rng: np.random.Generator, picture: np.ndarray, seam: float, count: int, top: float) -> None:
    """Windows, doors, posters, houses."""
    width = picture.shape[1]
    for _ in range(count):
        w, h = rng.uniform(0.04, 0.22, 2) * width
        x = rng.uniform(-0.05, 1) * width
        y = seam - h if rng.random() < 0.4 or top else rng.uniform(0, max(seam - h, 1))
        colour = _tint(rng, 25, 230)
        corners = np.array([x, y, x + w, y + h]).round().astype(int).tolist()
        cv2.rectangle(picture, corners[:2], corners[2:], colour.tolist(), -1)
        for k in range(int(rng.integers(0, 4))):  # panes, lines of writing
            line = round(y + h * (k + 1) / 5)
            cv2.line(picture, (corners[0], line), (corners[2], line), (0.7 * colour).tolist(), int(rng.integers(1, 5)))


def _trees(rng: np.random.Generator, picture: np.ndarray, seam: float) -> None:
    width = picture.shape[1]
    for _ in range(int(rng.integers(25, 60))):
        green = np.array([60, 95, 50]) * rng.uniform(0.5, 1.4) + rng.normal(0, 12, 3)
        place = (int(rng.uniform(0, width)), int(seam - abs(rng.normal(0, 0.08)) * width))
        axes = (int(rng.uniform(0.02, 0.08) * width), int(rng.uniform(0.02, 0.07) * width))
        cv2.ellipse(picture, place, axes, float(rng.uniform(0, 180)), 0, 360, np.clip(green, 0, 255).tolist(), -1)


def _crowd(rng: np.random.Generator, picture: np.ndarray, seam: float) -> None:
    """Rows of spectators: blurred heads on shoulders, too small and too soft to be people to label."""
    width, size = picture.shape[1], picture.shape[1] / 75
    for row in range(int(rng.integers(3, 7)), 0, -1):
        y = seam - row * 1.6 * size
        for x in np.arange(0, width, 1.7 * size):
            place = (int(x + rng.normal(0, 2)), int(y + rng.normal(0, 2)))
            cv2.circle(picture, (place[0], int(place[1] + 1.5 * size)), int(size), _tint(rng, 30, 220).tolist(), -1)
            cv2.circle(picture, place, int(0.55 * size), (rng.uniform(0.4, 1) * np.array([230, 180, 150])).tolist(), -1)


def _bars(rng: np.random.Generator, picture: np.ndarray, seam: float) -> None:
    """Soft bars of a limb's size and colour."""
    width = picture.shape[1]
    for _ in range(int(rng.integers(4, 14))):
        colour = (rng.uniform(0.3, 1.0) * np.array([230, 180, 150]) + rng.normal(0, 15, 3)).clip(0, 255)
        start = np.array([rng.uniform(0, width), seam - rng.uniform(0, 0.12) * width])
        end = start + rng.normal(0, 1, 2) * [0.02, 0.05] * width
        thick = int(rng.integers(2, max(3, width // 70)))
        cv2.line(picture, start.astype(int).tolist(), end.astype(int).tolist(), colour.tolist(), thick, cv2.LINE_AA)
