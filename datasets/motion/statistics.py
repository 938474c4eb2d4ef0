"""What a motion is made of, in numbers that can be held beside another motion's.

All of it comes from prepared lifting data. The cameras are known, so poses go back into the world, and what is said of
bodies and movement does not depend on where a camera stands: it is of the first view of each take of the training
split. What is said of the view, of the detector and of learning is of all views. Left and right are taken together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from base.human36m import take_of
from datasets.lifting import Split
from datasets.motion.cameras import pixel_size, project, subject_cameras
from datasets.normalise import normalise_keypoints
from datasets.skeletons import BONES, FLIP_ORDER, JOINTS, ROOT

Array = np.ndarray

SPINE, THORAX, NECK, HEAD = (JOINTS.index(name) for name in ("spine", "thorax", "neck", "head"))
ACROSS = ((1, 4), (14, 11))  # a right joint and its left one: hips, shoulders
TRUNK = (THORAX, ROOT)
# Two bones each; the angle between them is small where a body stands straight with hanging arms.
ANGLES = {
    "knee": ((4, 5), (5, 6)),
    "elbow": ((11, 12), (12, 13)),
    "hip": (TRUNK, (4, 5)),
    "shoulder": (TRUNK, (11, 12)),
    "spine": ((ROOT, SPINE), (SPINE, THORAX)),
    "neck": ((SPINE, THORAX), (NECK, HEAD)),
}
UP = np.array([0.0, 0.0, 1.0])
NAMES = [name.rpartition("_")[2] for name in JOINTS]  # `knee` is either knee
SIDES = {name: [joint for joint, other in enumerate(NAMES) if other == name] for name in NAMES}
BANDS = (0, 1, 2, 4, 8)  # Hz: where each band of a spectrum begins
SPECTRUM = 64  # frames
SPELL = 3.0  # seconds: takes are longer in one motion than in another, so pieces of them are compared
LOST = 30  # pixels: what is further off was missed or exchanged
HELD = {"val": 200, "train": 4000}  # poses of each split that are held against each other
ENOUGH = 0.95  # of the variance
UNPROJECTING = 6  # rounds of undoing the lens, after which points stay where they are


@dataclass(frozen=True)
class Statistic:
    """A number about a motion. quantity: angle, speed, ...; of: joint, bone, band or split; what: median, 95 %, ..."""

    quantity: str
    of: str
    what: str
    unit: str
    value: float

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What it is about, whatever the motion."""
        return self.quantity, self.of, self.what, self.unit


@dataclass(frozen=True)
class Performance:
    """A take of T frames. joints: (T, 17, 3) mm in the world, z up; heading: (T,) radians, without jumps;
    poses: (T, 17, 3) mm from the pelvis, turned about the upright so that x is forward and y to the left.
    """

    joints: Array
    heading: Array
    poses: Array


def statistics(splits: Mapping[str, Split]) -> list[Statistic]:
    """Everything about a motion, of its prepared splits by name: train, val, test and perhaps new."""
    train, takes = splits["train"], performances(splits["train"])
    fps = float(train.card.fps)
    bodies = [*_angles(takes), *_bones(takes), *_movement(takes), *_spectrum(takes, fps), *_spells(takes, fps)]
    return [*bodies, *_view(train, takes), *_detections(train), *_variety(splits, takes), *_learning(splits)]


def performances(split: Split) -> list[Performance]:
    """Each take once, as its first camera saw it."""
    names, first = split.sequence, {}
    for start, stop in split.sequences():
        first.setdefault(take_of(names[start]), slice(start, stop))
    return [_performance(1000 * world(split, rows)) for rows in first.values()]


def world(split: Split, rows: slice) -> Array:
    """Joints (T, 17, 3) in metres, z up, of rows that one camera saw: the way of `image_space` back."""
    seen = split.frames.iloc[rows.start]
    camera = subject_cameras(int(seen["subject"][1:]), split.card.seed)[int(seen["camera"][-2:]) - 1]
    joints, factor = np.asarray(split.joints[rows], float), np.asarray(split.factor[rows], float)
    pixels, behind = joints[..., :2] / factor[:, None, None], joints[..., 2] / 1000  # metres from the root
    plane, root = (pixels - camera.centre) / camera.focal, factor * camera.focal[0] / 1000
    for _ in range(UNPROJECTING):
        depth = (root[:, None] + behind)[..., None]
        points = np.concatenate([plane * depth, depth], -1)
        plane = plane + (pixels - project(points, camera)) / camera.focal
        root = root * factor / pixel_size(points[:, ROOT], camera)
    return points @ camera.rotation + camera.position


def _performance(joints: Array) -> Performance:
    left = sum(joints[:, left, :2] - joints[:, right, :2] for right, left in ACROSS)
    left /= np.linalg.norm(left, axis=-1, keepdims=True)
    forward = left[:, ::-1] * [1, -1]
    relative = joints - joints[:, [ROOT]]
    flat = [(relative[..., :2] * way[:, None]).sum(-1) for way in (forward, left)]
    heading = np.unwrap(np.arctan2(forward[:, 1], forward[:, 0]))
    return Performance(joints, heading, np.stack([*flat, relative[..., 2]], -1))


def _pixels(split: Split) -> Array:
    """(N, 17, 2) where the joints truly are in the image."""
    return np.asarray(split.joints[..., :2], float) / np.asarray(split.factor, float)[:, None, None]


def _relative(split: Split) -> Array:
    """(N, 17, 3) mm from the root, as protocols compare poses."""
    joints = np.asarray(split.joints, float)
    return joints - joints[:, [ROOT]]


def _levels(quantity: str, of: str, unit: str, values: Array, *levels: int) -> Iterator[Statistic]:
    """Percentiles of values of any shape; NaN where there are none."""
    for level in levels:
        value = np.percentile(values, level) if np.size(values) else np.nan
        yield Statistic(quantity, of, "median" if level == 50 else f"{level} %", unit, float(value))


def _all_poses(takes: Sequence[Performance]) -> Array:
    """(2 N, 17, 3): the poses of all takes, and their mirror images."""
    poses = np.concatenate([take.poses for take in takes])
    return np.concatenate([poses, (poses * [1, -1, 1])[:, FLIP_ORDER]])


def _degrees(one: Array, other: Array) -> Array:
    """(N,) between vectors (N, 3)."""
    cosine = (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _angles(takes: Sequence[Performance]) -> Iterator[Statistic]:
    poses = _all_poses(takes)
    for name, bones in ANGLES.items():
        ways = (poses[:, end] - poses[:, start] for start, end in bones)
        yield from _levels("angle", name, "deg", _degrees(*ways), 5, 50, 95)
    yield from _levels("angle", "trunk to upright", "deg", _degrees(poses[:, THORAX] - poses[:, ROOT], UP), 5, 50, 95)


def _bones(takes: Sequence[Performance]) -> Iterator[Statistic]:
    """Lengths, how far they differ from body to body, and how widely each bone's direction is spread."""
    poses = _all_poses(takes)
    for start, end in ((start, end) for start, end in BONES if not JOINTS[end].startswith("right")):
        lengths = np.array([np.linalg.norm(take.poses[0, end] - take.poses[0, start]) for take in takes])
        way = poses[:, end] - poses[:, start]
        straight = np.linalg.norm((way / np.linalg.norm(way, axis=-1, keepdims=True)).mean(0))  # 1: always the same
        name = f"to the {NAMES[end]}"
        yield Statistic("bone", name, "length", "mm", float(lengths.mean()))
        yield Statistic("bone", name, "length, deviation", "%", float(100 * lengths.std() / lengths.mean()))
        yield Statistic("bone", name, "direction, deviation", "deg", float(np.degrees(np.sqrt(2 - 2 * straight))))


def _movement(takes: Sequence[Performance]) -> Iterator[Statistic]:
    """Speed and acceleration: of the root in the world, of the other joints against the root."""
    for order, quantity, unit in ((1, "speed", "mm/frame"), (2, "acceleration", "mm/frame^2")):
        moved = [np.diff(take.joints - take.joints[:, [ROOT]], order, axis=0) for take in takes]
        lengths = np.linalg.norm(np.concatenate(moved), axis=-1)
        root = np.concatenate([np.diff(take.joints[:, ROOT], order, axis=0) for take in takes])
        lengths[:, ROOT] = np.linalg.norm(root, axis=-1)
        for name, joints in SIDES.items():
            yield from _levels(quantity, name, unit, lengths[:, joints], 50, 95)


def _spectrum(takes: Sequence[Performance], fps: float) -> Iterator[Statistic]:
    """How the power of the joints' movement against the root is shared by bands of frequency."""
    power = np.zeros(SPECTRUM // 2 + 1)
    for piece in _pieces(takes, SPECTRUM):
        moved = piece.joints - piece.joints[:, [ROOT]]
        moved = (moved - moved.mean(0)) * np.hanning(SPECTRUM)[:, None, None]
        power += (np.abs(np.fft.rfft(moved, axis=0)) ** 2).sum((1, 2))
    band = np.digitize(np.fft.rfftfreq(SPECTRUM, 1 / fps), BANDS)
    for number, low in enumerate(BANDS, 1):
        name = f"from {low} Hz" if low == BANDS[-1] else f"{low} to {BANDS[number]} Hz"
        share = 100 * power[band == number].sum() / power.sum() if power.any() else np.nan
        yield Statistic("spectrum", name, "share", "%", float(share))


def _pieces(takes: Sequence[Performance], frames: int) -> list[Performance]:
    """Pieces of that many frames, each half over the one before; shorter takes have none."""
    return [
        Performance(*(array[start : start + frames] for array in vars(take).values()))
        for take in takes
        for start in range(0, len(take.joints) - frames + 1, frames // 2)
    ]


def _spells(takes: Sequence[Performance], fps: float) -> Iterator[Statistic]:
    """Turning, and how much happens within SPELL seconds."""
    turning = np.concatenate([np.abs(np.diff(take.heading)) for take in takes])
    yield from _levels("turning", "body", "deg/s", np.degrees(turning) * fps, 50, 95)
    headings = np.concatenate([take.heading for take in takes])
    yield Statistic("turning", "headings", "alike", "%", float(100 * np.abs(np.exp(1j * headings).mean())))
    pieces, within = _pieces(takes, round(SPELL * fps)), f"within {SPELL:g} s"
    turned = np.array([np.degrees(np.ptp(piece.heading)) for piece in pieces])
    yield from _levels(within, "turned", "deg", turned, 50, 95)
    moved = np.array([np.ptp(piece.joints[:, ROOT], axis=0) for piece in pieces]).reshape(-1, 3)
    yield from _levels(within, "moved over the floor", "mm", moved[:, :2].max(-1), 50, 95)
    yield from _levels(within, "moved up and down", "mm", moved[:, 2], 50, 95)
    yield from _levels(within, "pose, deviation", "mm", np.array([_deviation(piece.poses) for piece in pieces]), 50, 95)


def _deviation(poses: Array) -> float:
    """Root mean square of a joint's distance from its mean place, of poses (N, 17, 3), the root left out."""
    return float(np.sqrt(((poses - poses.mean(0)) ** 2).sum((1, 2)).mean() / (len(JOINTS) - 1)))


def _view(split: Split, takes: Sequence[Performance]) -> Iterator[Statistic]:
    """How large a body is seen, and where."""
    pixels = _pixels(split)
    heights = np.concatenate([take.joints[:, ROOT, 2] for take in takes])
    yield from _levels("view", "root above the floor", "mm", heights, 5, 50, 95)
    yield from _levels("view", "pixel at the root", "mm", np.asarray(split.factor), 5, 50, 95)
    yield from _levels("view", "height of the body", "px", np.ptp(pixels[..., 1], axis=1), 5, 50, 95)
    yield from _levels("view", "width of the body", "px", np.ptp(pixels[..., 0], axis=1), 5, 50, 95)
    yield from _levels("view", "root from the left", "px", pixels[:, ROOT, 0], 5, 50, 95)
    yield from _levels("view", "root from the top", "px", pixels[:, ROOT, 1], 5, 50, 95)
    size = np.stack([split.width, split.height], -1)[:, None]
    outside = ((pixels < 0) | (pixels > size)).any((1, 2))
    yield Statistic("view", "body not all in the picture", "share", "%", float(100 * outside.mean()))


def _detections(split: Split) -> Iterator[Statistic]:
    """How far a detector's keypoints are from the joints in the image."""
    off = np.linalg.norm(split.keypoints[..., :2] - _pixels(split), axis=-1)
    for name, joints in SIDES.items():
        yield from _levels("detector", name, "px", off[:, joints], 50, 95)
        lost = 100 * (off[:, joints] > LOST).mean()
        yield Statistic("detector", name, f"further off than {LOST} px", "%", float(lost))


def _variety(splits: Mapping[str, Split], takes: Sequence[Performance]) -> Iterator[Statistic]:
    """How different poses are from each other."""
    poses = np.concatenate([take.poses for take in takes])
    seen = _relative(splits["train"])
    steps = np.concatenate([np.diff(take.poses, axis=0) for take in takes])
    for name, what in {"poses that face one way": poses, "poses as seen": seen, "their steps": steps}.items():
        yield Statistic("variety", name, "deviation", "mm", _deviation(what))
        yield Statistic("variety", name, f"{100 * ENOUGH:g} % of the variance", "dimensions", float(_dimensions(what)))
    train, val = (_some(_relative(splits[name]), HELD[name]) for name in ("train", "val"))
    nearest = [np.linalg.norm(train - pose, axis=-1).mean(-1).min() for pose in val]
    yield Statistic("variety", "validation", "P1 of the nearest training pose", "mm", float(np.mean(nearest)))


def _some(poses: Array, count: int) -> Array:
    """About that many of the poses, evenly over all."""
    return poses[:: max(1, len(poses) // count)]


def _dimensions(poses: Array) -> int:
    """Principal components that have ENOUGH of the variance of poses (N, 17, 3)."""
    variance = np.linalg.eigvalsh(np.cov(poses.reshape(len(poses), -1).T))[::-1]
    return int((variance.cumsum() < ENOUGH * variance.sum()).sum()) + 1


def _learning(splits: Mapping[str, Split]) -> Iterator[Statistic]:
    """P1 of two things that anybody can learn: the mean training pose, and the best linear map from keypoints."""
    poses = {name: _relative(split) for name, split in splits.items()}
    mean = poses["train"].mean(0)
    inputs = {name: _inputs(split) for name, split in splits.items()}
    weights = np.linalg.lstsq(inputs["train"], poses["train"].reshape(len(poses["train"]), -1), rcond=None)[0]
    for name, truth in poses.items():
        linear = (inputs[name] @ weights).reshape(truth.shape)
        for guess, what in ((mean, "P1 of the mean training pose"), (linear, "P1 of a linear map")):
            yield Statistic("learning", name, what, "mm", float(np.linalg.norm(guess - truth, axis=-1).mean()))


def _inputs(split: Split) -> Array:
    """(N, 35): what a network sees of each frame, without confidence, and 1."""
    keypoints = normalise_keypoints(split.keypoints, split.width, split.height)[..., :2]
    return np.concatenate([keypoints.reshape(len(keypoints), -1), np.ones((len(keypoints), 1))], 1, dtype=float)
