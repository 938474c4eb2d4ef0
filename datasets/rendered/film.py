"""Filming a scene: its shapes as the camera sees them at every sub-frame, drawn, blurred, lit, dropped and coded."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from datasets.rendered import raster
from datasets.rendered.bodies import (
    CAPSULES,
    DEPTH,
    FROM_POINTS,
    capsules,
    completed,
    torso,
    torso_texture,
    torso_triangles,
)
from datasets.rendered.camera import CameraPose
from datasets.rendered.scenes import Scene

FRAME_STREAM, GRAIN_STREAM = 13, 14  # separate these random numbers from others of the same seed
SHUTTER = 0.5  # of the time of a frame, around its middle
JITTER = 0.25  # pixels: sub-frames are set off, which smooths edges
THING = 1000  # owner of the capsules that are no persons
GRAIN = 128  # pixels by which the tile of sensor noise is larger than a frame
BLOCK = 8  # pixels: cells of a dropped block lie on this grid


@dataclass(frozen=True)
class Shot:
    """What was drawn, besides the pixels: for each frame and labelled person (F, P, 15): where the joints are
    (..., 2), hidden: behind something for most of the exposure; behind_thing: and that was no person; span: how far
    the joint moved in the exposure, pixels. depth (F, P, 15) metres.
    """

    joints: np.ndarray
    depth: np.ndarray
    span: np.ndarray
    hidden: np.ndarray
    behind_thing: np.ndarray


@dataclass(frozen=True)
class Frame:
    """image: RGB uint8 (H, W, 3); quality: its JPEG's; defocus: standard deviation in pixels; blocks: dropped
    rectangles x0, y0, x1, y1.
    """

    image: np.ndarray
    quality: int
    defocus: float
    blocks: list[tuple[int, int, int, int]]


@dataclass(frozen=True)
class _Shapes:
    """Everything of a scene in pixels, for F frames of K sub-frames: capsules (F, K, N, 12), vertices (F, K, V, 8),
    triangles (M, 5), materials (R, 10), light (F, 3), joints (F, K, P, 15, 3): u, v, depth.
    """

    capsules: np.ndarray
    vertices: np.ndarray
    triangles: np.ndarray
    materials: np.ndarray
    light: np.ndarray
    joints: np.ndarray


def film(scene: Scene, seed: int) -> tuple[Shot, Iterator[Frame]]:
    """The geometry of a scene, and its frames as they are drawn; Shot.hidden is filled while they are."""
    layout = scene.layout
    sub = ((np.arange(layout.subframes) + 0.5) / layout.subframes - 0.5) * SHUTTER
    times = np.arange(layout.frames)[:, None] + sub  # (F, K)
    views = scene.camera.at(times)
    shapes = _shapes(scene, times, views)
    joints = shapes.joints
    shape = joints.shape[:1] + joints.shape[2:4]
    shot = Shot(
        joints=joints[..., :2].mean(1),
        depth=joints[..., 2].mean(1),
        span=np.linalg.norm(joints[:, -1, ..., :2] - joints[:, 0, ..., :2], axis=-1),
        hidden=np.zeros(shape, bool),
        behind_thing=np.zeros(shape, bool),
    )
    return shot, _frames(scene, seed, views, shapes, shot)


def _frames(scene: Scene, seed: int, views: CameraPose, shapes: _Shapes, shot: Shot) -> Iterator[Frame]:
    width, height = scene.layout.size
    easel = _Easel(width, height)
    grain = _grain(seed, width, height)
    moments = np.arange(scene.layout.frames, dtype=float)
    still, feet = scene.camera.at(moments), [actor.points(moments)[:, [0, 3, 6]] for actor in scene.actors]
    for f in range(scene.layout.frames):
        rng = np.random.default_rng([seed, FRAME_STREAM, scene.number, f])
        background = scene.scenery.seen(still[f])
        for points in feet:
            _shadow(points[f], still[f], background)
        background = _smeared(background, _drift(views, f))
        shot.hidden[f], shot.behind_thing[f] = easel.draw(shapes, f, background, float(views.focal[f, 0]))
        yield _developed(easel.image, scene, shot, f, grain, rng)


@lru_cache(maxsize=1)
def _grain(seed: int, width: int, height: int) -> np.ndarray:
    """Sensor noise of unit strength, GRAIN pixels larger than a frame; the same for all scenes of a seed."""
    grain = np.random.default_rng([seed, GRAIN_STREAM]).standard_normal((height + GRAIN, width + GRAIN, 3), np.float32)
    grain.flags.writeable = False
    return grain


class _Easel:
    """Buffers that all frames share."""

    def __init__(self, width: int, height: int) -> None:
        self.colour = np.zeros((height, width, 3), np.float32)
        self.depth = np.full((height, width), np.inf, np.float32)
        self.front = np.full((height, width), raster.NOBODY, np.int32)
        self.total = np.zeros((height, width, 3), np.float32)
        self.covered = np.zeros((height, width), np.int32)
        self.image = np.zeros((height, width, 3), np.uint8)

    def draw(self, shapes: _Shapes, f: int, background: np.ndarray, focal: float) -> tuple[np.ndarray, np.ndarray]:
        """Draw frame f into `image`; returns which joints (P, 15) were hidden, and which behind a thing."""
        buffers = self.colour, self.depth, self.front
        light, subframes = shapes.light[f], shapes.capsules.shape[1]
        hidden = np.zeros((2, *shapes.joints.shape[2:4]))
        for k in range(subframes):
            raster.draw_capsules(shapes.capsules[f, k], shapes.materials, light, focal, *buffers)
            raster.draw_triangles(shapes.vertices[f, k], shapes.triangles, shapes.materials, light, *buffers)
            hidden += self._hidden(shapes.joints[f, k])
            raster.expose(*buffers, self.total, self.covered)
        raster.compose(background, self.total, self.covered, subframes, self.image)
        return hidden[0] > subframes / 2, hidden[1] > subframes / 2

    def _hidden(self, joints: np.ndarray) -> np.ndarray:
        """(2, P, 15): joints (P, 15, 3) behind a nearer surface, and behind that of a thing; outside: not hidden."""
        height, width = self.depth.shape
        u, v = np.round(joints[..., 0]).astype(int), np.round(joints[..., 1]).astype(int)
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
        u, v = np.where(inside, u, 0), np.where(inside, v, 0)
        hidden = inside & (self.depth[v, u] < joints[..., 2] - DEPTH)
        return np.stack([hidden, hidden & (self.front[v, u] == THING)])


def _shapes(scene: Scene, times: np.ndarray, views: CameraPose) -> _Shapes:
    """Everything in pixels, at every sub-frame."""
    rows, vertices, triangles, materials, joints = [], [], [], [], []
    base, shape = torso_triangles(), views.focal.shape
    for owner, actor in enumerate(scene.actors):
        points = completed(actor.points(times))  # (F, K, 31, 3)
        start, first = sum(map(len, materials)), sum(v.shape[-2] for v in vertices)
        a, b, radii, fronts = capsules(points, actor.body)
        kinds = np.array([row[4] for row in CAPSULES]) + start
        rows.append(_capsule_rows(views, a, b, radii, fronts, kinds, owner))
        vertices.append(_vertex_rows(views, *torso(points, actor.body.girth)))
        triangles.append(np.column_stack([base[:, :3] + first, base[:, 3] + start, np.full(len(base), owner)]))
        materials.append(actor.body.materials)
        if owner < scene.labelled:
            own = views.to_camera(points[..., FROM_POINTS, :])
            joints.append(np.concatenate([views.project(own), own[..., 2:]], -1))
    for thing in scene.things:
        ends = thing.ends + times[..., None, None] * thing.velocity  # (F, K, 2, 3)
        front = np.broadcast_to([0.0, -1.0, 0.0], (*shape, 1, 3))
        radii, kind = np.full((1, 2), thing.radius), np.array([sum(map(len, materials))])
        rows.append(_capsule_rows(views, ends[..., :1, :], ends[..., 1:, :], radii, front, kind, THING))
        materials.append(thing.material[None])
    middle = views[:, shape[1] // 2]
    rows = np.concatenate(rows, 2).astype(np.float32)
    nearest = np.argsort(rows[..., raster.Z0], 2, kind="stable")  # nearest first: what lies behind is not painted
    return _Shapes(
        np.take_along_axis(rows, nearest[..., None], 2),
        np.concatenate(vertices, 2).astype(np.float32),
        np.concatenate(triangles),
        np.concatenate(materials).astype(np.float32),
        middle.turned(scene.light[None])[:, 0].astype(np.float32),
        np.stack(joints, 2),
    )


def _capsule_rows(
    views: CameraPose,
    a: np.ndarray,
    b: np.ndarray,
    radii: np.ndarray,
    fronts: np.ndarray,
    kinds: np.ndarray,
    owner: int,
) -> np.ndarray:
    """Columns of raster's capsules (F, K, N, 12) of ends (F, K, N, 3) in metres."""
    shift = _offsets(views)
    a, b, fronts = views.to_camera(a), views.to_camera(b), views.turned(fronts)
    depth = np.maximum(np.stack([a[..., 2], b[..., 2]]), raster.NEAR / 2)
    size = views.focal[..., None] * np.moveaxis(radii, -1, 0)[:, None, None] / depth  # (2, F, K, N)
    way = b - a
    length = np.linalg.norm(way, axis=-1)
    x, y, z = np.moveaxis(way / np.maximum(length, 1e-6)[..., None], -1, 0)
    n = np.maximum(np.hypot(x, y), 1e-6)
    across = np.stack([-y, x, 0 * x], -1) / n[..., None]  # in the image, square to the axis
    towards = np.stack([z * x, z * y, -n * n], -1) / n[..., None]  # to the camera, square to both
    turn = np.arctan2((fronts * towards).sum(-1), (fronts * across).sum(-1))
    ends = [
        np.concatenate([views.project(e) + shift, s[..., None], e[..., 2:]], -1)
        for e, s in zip((a, b), size, strict=True)
    ]
    rest = np.stack([turn, length, *np.broadcast_arrays(kinds, owner, turn)[:2]], -1)
    return np.concatenate([*ends, rest], -1)


def _vertex_rows(views: CameraPose, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Columns of raster's vertices (F, K, V, 8)."""
    points, normals = views.to_camera(points), views.turned(normals)
    texture = np.broadcast_to(torso_texture(), (*points.shape[:-1], 2))
    return np.concatenate([views.project(points) + _offsets(views), points[..., 2:], normals, texture], -1)


def _offsets(views: CameraPose) -> np.ndarray:
    """(K, 1, 2): how sub-frames are set off against each other, adding up to nothing."""
    turns = 2 * np.pi * np.arange(views.focal.shape[1]) / views.focal.shape[1]
    return JITTER * np.stack([np.cos(turns), np.sin(turns)], -1)[:, None]


def _shadow(points: np.ndarray, view: CameraPose, background: np.ndarray) -> None:
    """A soft dark patch on the floor under a person, by the pelvis and both ankles (3, 3)."""
    low = points[1:, 2].min()
    seen = view.to_camera(np.array([[*points[:, :2].mean(0), 0.0]]))
    u, v = view.project(seen)[0]
    size = view.focal / seen[0, 2]
    strength = 0.5 * np.exp(-max(low - 0.1, 0) / 0.5)
    down = max(0.32 * size * view.position[2] / seen[0, 2], 1.0)
    raster.cast_shadow(background, u, v, 0.32 * size, down, strength)


def _drift(views: CameraPose, f: int) -> np.ndarray:
    """Pixels (2,) by which far scenery moves in the exposure of frame f."""
    far = np.array([[0.0, 20.0, 1.0]])
    first, last = (view.project(view.to_camera(far))[0] for view in (views[f, 0], views[f, -1]))
    return last - first


def _smeared(image: np.ndarray, drift: np.ndarray) -> np.ndarray:
    """The image moved along by `drift` pixels while exposed."""
    length = float(np.hypot(*drift))
    if length < 0.7:
        return image
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    half = drift / 2
    centre = size // 2
    start, end = ((centre + way * half) * 16 for way in (-1, 1))
    cv2.line(kernel, start.round().astype(int).tolist(), end.round().astype(int).tolist(), 1.0, 1, cv2.LINE_AA, 4)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def _developed(
    image: np.ndarray, scene: Scene, shot: Shot, f: int, grain: np.ndarray, rng: np.random.Generator
) -> Frame:
    """Lens, sensor and coder: defocus, flicker, noise, dropped blocks, quality."""
    hard, scale = scene.difficulty, scene.layout.size[0] / 640
    defocus = rng.uniform(0.3, hard.defocus_size) * scale if rng.random() < hard.defocus else 0.0
    image = cv2.GaussianBlur(image, (0, 0), defocus) if defocus > 0.25 else image.copy()
    strength = float(np.random.default_rng([scene.number, GRAIN_STREAM]).uniform(*hard.noise)) * rng.uniform(0.7, 1.3)
    top, left = rng.integers(GRAIN, size=2)
    raster.develop(image, np.float32(np.exp(rng.normal(0, hard.flicker))), grain, np.float32(strength), top, left)
    blocks = [_dropped(image, shot.joints[f, p], rng) for p in range(scene.labelled) if rng.random() < hard.dropout]
    return Frame(image, int(rng.integers(hard.quality[0], hard.quality[1] + 1)), defocus, [b for b in blocks if b])


def _dropped(image: np.ndarray, joints: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int, int] | None:
    """Destroy a block around a limb's joint in place; its corners x0, y0, x1, y1, or None outside the image."""
    height, width = image.shape[:2]
    tall = np.ptp(joints[:, 1])
    u, v = joints[rng.integers(12)] + rng.normal(0, 0.03, 2) * tall
    half = rng.uniform(0.08, 0.2, 2) * tall
    corners = np.array([u - half[0], v - half[1], u + half[0], v + half[1]])
    x0, y0, x1, y1 = (np.round(corners / BLOCK) * BLOCK).clip(0, [width, height, width, height]).astype(int).tolist()
    if x1 <= x0 or y1 <= y0:
        return None
    block = image[y0:y1, x0:x1]
    kind = rng.integers(3)
    if kind == 0:  # nothing arrived
        block[:] = rng.choice([16, 128, 60])
    elif kind == 1:  # one colour a cell
        small = cv2.resize(
            block, (max(1, (x1 - x0) // (3 * BLOCK)), max(1, (y1 - y0) // (3 * BLOCK))), interpolation=cv2.INTER_AREA
        )
        block[:] = cv2.resize(small, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
    else:  # a block from elsewhere
        y, x = rng.integers(height - (y1 - y0) + 1), rng.integers(width - (x1 - x0) + 1)
        block[:] = image[y : y + y1 - y0, x : x + x1 - x0].copy()
    return x0, y0, x1, y1
