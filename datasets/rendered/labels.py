"""From a filmed scene to its annotations, by PoseTrack's rules (docs/video-benchmark.md, Labels).

Labelled are the middle frames of a training sequence; of a validation sequence every fourth frame as well.
"""

from pathlib import Path

import numpy as np

from datasets.rendered.camera import CameraPose
from datasets.rendered.film import Frame, Shot
from datasets.rendered.scenes import Actor, Scene
from datasets.video.annotations import BLURRED, DROPPED, OCCLUDED, People, Person, Video, box_around
from datasets.video.boxes import Detections

HEAD_BOTTOM, HEAD_TOP = 12, 14
LONG = 15  # frames: a joint that is behind a thing for longer is not annotated
SMEAR = 0.15  # of the head size: how far motion and defocus spread a joint that counts as blurred
HEAD_SIZE = 0.6  # of the head box's diagonal, as in PoseTrack's metric
FEWEST = 3  # joints in the image that make a person worth an annotation
FOURTH = 4  # every fourth frame of a validation sequence
TYPE = 3  # of the image ids: mpiinew
DETECTOR_STREAM = 15  # separates these random numbers from others of the same seed


def sequence_name(split: str, number: int) -> str:
    """Name by which PoseTrack's tools know it: 000001_mpiinew_train, 001001_mpiinew_test for validation."""
    return f"{number:06d}_mpiinew_{'train' if split == 'train' else 'test'}"


def annotate(scene: Scene, shot: Shot, frames: list[Frame], split: str, middle: int, root: Path) -> Video:
    """The sequence as PoseTrack would annotate it. middle: how many frames of the middle are labelled; frames: what
    was drawn (only their degradations are looked at).
    """
    name, count = sequence_name(split, scene.number), scene.layout.frames
    labelled = labelled_frames(count, middle, split)
    flags = joint_flags(shot, frames)
    seen = present(shot, scene.layout.size)
    persons: list[list[Person]] = [[] for _ in range(count)]
    for f, p in np.argwhere(labelled[:, None] & (seen.sum(-1) >= FEWEST)):
        joints = shot.joints[f, p]
        keypoints = np.zeros((len(joints), 3))
        keypoints[seen[f, p], :2] = np.round(joints[seen[f, p]], 2)
        keypoints[:, 2] = seen[f, p] & ~shot.hidden[f, p]
        box, head = np.round(box_around(keypoints), 2), np.round(head_box(joints), 2)
        persons[f].append(Person(p, keypoints, box, head, flags[f, p] * seen[f, p]))
    return Video(
        name=name,
        images=tuple(root / "images" / split / name / f"{f:06d}.jpg" for f in range(count)),
        image_ids=TYPE * 10**10 + scene.number * 10**4 + np.arange(count),
        labelled=labelled,
        size=scene.layout.size,
        persons=People.of(persons),
        ignore=_ignored(scene, labelled),
    )


def labelled_frames(count: int, middle: int, split: str) -> np.ndarray:
    """(count,) bool: `middle` frames in the middle, and in other splits than train every fourth one."""
    first = (count - middle) // 2
    labelled = np.zeros(count, bool)
    labelled[max(first, 0) : max(first, 0) + middle] = True
    if split != "train":
        labelled[::FOURTH] = True
    return labelled


def present(shot: Shot, size: tuple[int, int]) -> np.ndarray:
    """(F, P, 15) bool: joints inside the image that were not behind a thing for longer than LONG frames."""
    low, high = np.zeros(2), np.array(size) - 1
    # Exactly (0, 0) would read as absent.
    inside = ((shot.joints >= low) & (shot.joints <= high)).all(-1) & (np.round(shot.joints, 2) > 0).any(-1)
    return inside & ~lasting(shot.behind_thing, LONG)


def lasting(hidden: np.ndarray, longest: int) -> np.ndarray:
    """Which of hidden (F, ...) belong to runs of more than `longest` frames."""
    before, after = np.zeros(hidden.shape, int), np.zeros(hidden.shape, int)
    for f in range(len(hidden)):
        before[f] = (before[f - 1] + 1 if f else 1) * hidden[f]
        g = len(hidden) - 1 - f
        after[g] = (after[g + 1] + 1 if f else 1) * hidden[g]
    return hidden & (before + after - 1 > longest)


def joint_flags(shot: Shot, frames: list[Frame]) -> np.ndarray:
    """(F, P, 15) uint8: OCCLUDED, BLURRED, DROPPED as the frames were drawn."""
    flags = shot.hidden * np.uint8(OCCLUDED)
    for f, frame in enumerate(frames):
        boxes = np.stack([head_box(joints) for joints in shot.joints[f]])  # (P, 4)
        size = HEAD_SIZE * np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T)
        # A Gaussian of standard deviation s smears over about 2 s; the shutter over the joint's way.
        smeared = shot.span[f] + 2 * frame.defocus > SMEAR * size[:, None]
        flags[f] |= smeared * np.uint8(BLURRED)
        for x0, y0, x1, y1 in frame.blocks:
            x, y = np.moveaxis(shot.joints[f], -1, 0)
            flags[f] |= ((x >= x0) & (x < x1) & (y >= y0) & (y < y1)) * np.uint8(DROPPED)
    return flags


def head_box(joints: np.ndarray) -> np.ndarray:
    """(4,) x1, y1, x2, y2 of the ball between head_bottom and head_top; joints (15, 2) pixels.

    The ball's diameter is the head's length in the image, at least half of the torso's width there when the head
    points at the camera.
    """
    low, high = joints[HEAD_BOTTOM], joints[HEAD_TOP]
    across = np.linalg.norm(joints[8] - joints[9]) / 2
    radius = max(np.linalg.norm(high - low), across, 1.0) / 2
    middle = (low + high) / 2
    return np.concatenate([middle - radius, middle + radius])


def detections(
    sequence: Video, seed: int, *, jitter: float = 0.05, missed: float = 0.03, false: float = 0.03
) -> Detections:
    """Boxes as a detector would give them for the labelled frames of a sequence.

    jitter: standard deviation of place and size as a share of the size; missed: share of persons not found; false:
    boxes on nobody, a share of the persons. Scores are high for persons, low for nobody, and overlap.
    """
    people, size = sequence.persons, np.array(sequence.size, float)
    rows = []
    for f in np.flatnonzero(sequence.labelled):
        image_id = int(sequence.image_ids[f])
        rng = np.random.default_rng([seed, DETECTOR_STREAM, image_id])
        for box in people.box[people.frame == f]:
            if rng.random() >= missed:
                middle = box[:2] + box[2:] / 2 + jitter * box[2:] * rng.normal(0, 1, 2)
                extent = box[2:] * np.exp(jitter * rng.normal(0, 1, 2))
                rows.append((image_id, *(middle - extent / 2), *extent, 1 - rng.beta(1.2, 12)))
            if rng.random() < false:
                extent = box[2:] * np.exp(0.3 * rng.normal(0, 1, 2))
                corner = rng.uniform(0, 1, 2) * np.maximum(size - extent, 0)
                rows.append((image_id, *corner, *extent, rng.beta(3, 5)))
    values = np.array(rows).reshape(-1, 6)
    ids = np.array([row[0] for row in rows], np.int64)
    return Detections(ids, np.round(values[:, 1:5], 2), np.round(values[:, 5], 4))


def _ignored(scene: Scene, labelled: np.ndarray) -> dict[int, list[np.ndarray]]:
    """One polygon around the far persons in each labelled frame that shows them."""
    far = scene.actors[scene.labelled :]
    size = np.array(scene.layout.size) - 1
    regions = {}
    for f in np.flatnonzero(labelled) if far else ():
        view = scene.camera.at(np.array(float(f)))
        pixels = np.concatenate([_outline(actor, f, view) for actor in far])
        low, high = pixels.min(0), pixels.max(0)
        wide = 0.12 * (high - low) + 2
        low, high = np.clip(low - wide, 0, size), np.clip(high + wide, 0, size)
        if (high - low > 2).all():
            regions[int(f)] = [_eight_corners(low, high)]
    return regions


def _outline(actor: Actor, f: int, view: CameraPose) -> np.ndarray:
    """Pixels (19, 2) of an actor's points in frame f."""
    return view.project(view.to_camera(actor.points(np.array(float(f)))))


def _eight_corners(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(8, 2): a box with its corners cut, whole pixels, as annotators draw them."""
    (x0, y0), (x1, y1) = low, high
    cut_x, cut_y = 0.12 * (x1 - x0), 0.12 * (y1 - y0)
    corners = [
        (x0 + cut_x, y0), (x1 - cut_x, y0), (x1, y0 + cut_y), (x1, y1 - cut_y),
        (x1 - cut_x, y1), (x0 + cut_x, y1), (x0, y1 - cut_y), (x0, y0 + cut_y),
    ]  # fmt: skip
    return np.round(np.array(corners))
