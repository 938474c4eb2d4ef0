"""Top-down video data: for each person box a window of frames cut alike, and the heatmaps to predict from it.

Where the boxes come from decides more than the method does (docs/glsmamba.md), so it is part of the data:
`ground_truth_boxes` and `detector_boxes` make instances that say which they are, and that cannot be joined.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from base.errors import InputError
from datasets.video.augment import Augmentation, Draw, drawn
from datasets.video.crop import (
    CENTRES,
    CORNERS,
    ENLARGE,
    boxes_to_crops,
    crop,
    crop_matrix,
    inverse,
    normalised,
    rescale,
    transform,
)
from datasets.video.heatmaps import SIGMA, decode, gaussian_targets
from datasets.video.images import read_image
from datasets.video.joints import WEIGHTS, JointSet, of_channels

GROUND_TRUTH, DETECTOR = "ground-truth boxes", "detector boxes"
LEAST_SCORE = 0.2  # detector boxes below are dropped (docs/glsmamba.md, Evaluation)
NEIGHBOURS = ("real", "copies", "shuffled")


@dataclass(frozen=True)
class Instances:
    """N person boxes of a data set, each one crop to look at.

    boxes_from: GROUND_TRUTH or DETECTOR; sequence, frame (N,) int: which video, which of its images; box (N, 4)
    x, y, width, height in pixels; score (N,) of the box, 1 for ground truth; keypoints (N, J, 3) x, y, visibility,
    (0, 0, 0) where absent, or None for detector boxes.
    """

    boxes_from: str
    sequence: np.ndarray
    frame: np.ndarray
    box: np.ndarray
    score: np.ndarray
    keypoints: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True)
class Shape:
    """Of a crop: width and height in pixels, heatmap pixels per `stride`, sigma of the targets, growth of the box.

    pixels : the convention of coordinates (`datasets.video.crop`)
    """

    width: int = 192
    height: int = 256
    stride: int = 4
    sigma: float = SIGMA
    enlarge: float = ENLARGE
    pixels: str = CENTRES

    @property
    def image(self) -> tuple[int, int]:
        """Crop width, height."""
        return self.width, self.height

    @property
    def heatmap(self) -> tuple[int, int]:
        """Heatmap width, height."""
        return self.width // self.stride, self.height // self.stride

    @property
    def released(self) -> bool:
        """Whether crops and heatmaps follow the released codes of the peers on video (docs/peers.md)."""
        return self.pixels != CENTRES

    def in_heatmap(self, places: np.ndarray) -> np.ndarray:
        """Places (..., 2) in crop pixels -> in heatmap pixels."""
        return rescale(places, self.image, self.heatmap, self.pixels)

    def in_crop(self, places: np.ndarray) -> np.ndarray:
        """The way back."""
        return rescale(places, self.heatmap, self.image, self.pixels)

    def matrix(self, draw: Draw) -> np.ndarray:
        """The map (2, 3) from image pixels to those of the crop."""
        return crop_matrix(draw.center, draw.size, self.image, draw.rotation, draw.mirror, self.pixels)

    def back(self, draw: Draw) -> np.ndarray:
        """The map (2, 3) from crop pixels to those of the image, as answers are read: by a pure convention."""
        pixels = CORNERS if self.released else CENTRES
        return inverse(crop_matrix(draw.center, draw.size, self.image, pixels=pixels))


class Sample(NamedTuple):
    """One crop, or a batch of them with a leading axis.

    clip (T, 3, H, W) float32, the key frame in the middle; places (J, 2) float64 of the joints in heatmap pixels;
    present (J,) bool, which of them are annotated; matrix (2, 3) float64, from image pixels to crop pixels.
    """

    clip: np.ndarray
    places: np.ndarray
    present: np.ndarray
    matrix: np.ndarray


def ground_truth_boxes(sequence: int, frame: np.ndarray, box: np.ndarray, keypoints: np.ndarray) -> Instances:
    """The annotated persons of one sequence as instances: frame (P,), box (P, 4), keypoints (P, J, 3).

    Persons without a single joint are left out: there is nothing to learn or to score.
    Raises InputError naming a box that is not finite or has no extent, or a key point that is not finite.
    """
    keypoints = np.asarray(keypoints, float)
    rows = np.flatnonzero(keypoints.any((-1, -2)))
    if not np.isfinite(keypoints).all():
        raise InputError(f"sequence {sequence}: key points have NaN or infinite values; mend its annotation file")
    return _instances(GROUND_TRUTH, sequence, np.asarray(frame)[rows], np.asarray(box, float)[rows],
                      np.ones(len(rows)), keypoints[rows])  # fmt: skip


def detector_boxes(
    sequence: int, frame: np.ndarray, box: np.ndarray, score: np.ndarray, minimum: float = LEAST_SCORE
) -> Instances:
    """The boxes of a detector in one sequence as instances: frame (N,), box (N, 4), score (N,).

    Boxes with a score below `minimum` are dropped. No box at all is a valid answer: no instances, and in the
    evaluation the persons of these frames are missed. Raises InputError as `ground_truth_boxes`.
    """
    score = np.asarray(score, float)
    if not np.isfinite(score).all():
        raise InputError(f"sequence {sequence}: box scores have NaN or infinite values; make the boxes again")
    rows = np.flatnonzero(score >= minimum)
    return _instances(
        DETECTOR, sequence, np.asarray(frame)[rows], np.asarray(box, float).reshape(-1, 4)[rows], score[rows]
    )


def joined(parts: Sequence[Instances]) -> Instances:
    """Instances of several sequences, in order. Raises InputError without any part or for boxes of both kinds."""
    kinds = {part.boxes_from for part in parts}
    if len(kinds) != 1:
        raise InputError(f"boxes must come from one source, got {' and '.join(sorted(kinds)) or 'no sequence'}")
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("sequence", "frame", "box", "score")
    }
    keypoints = None if parts[0].keypoints is None else np.concatenate([part.keypoints for part in parts])
    return Instances(kinds.pop(), **columns, keypoints=keypoints)


def window(frame: int, length: int, frames: int = 5, early: str = "first") -> np.ndarray:
    """Image numbers (frames,) of a window about `frame` in a video of `length` images: past its ends the end image.

    early : what stands for images before the first: "first", that one; or "key", the image of `frame`, behind those
        that are there, as FAMI-Pose's released code has it (docs/peers.md)

    Raises InputError for an even window or a frame that the video does not have.
    """
    if frames < 1 or frames % 2 == 0:
        raise InputError(f"a window needs an odd number of frames, got {frames}")
    if not 0 <= frame < length:
        raise InputError(f"frame {frame} is outside of a video of {length} images")
    numbers = frame + np.arange(frames) - frames // 2
    missing = -numbers[0] if early == "key" else 0
    if missing > 0:
        numbers[: frames // 2] = [*range(frame), *[frame] * missing]
    return np.clip(numbers, 0, length - 1)


class TopDown:
    """Windows, crops and targets of instances. What a sample holds depends on its arguments alone.

    images: the image paths of each sequence, in order; `instances.sequence` and `.frame` point into them.
    neighbours: what stands around the key frame: "real" its neighbours, "copies" itself, "shuffled" images of other
    sequences, drawn by the instance's number: the controls for whether neighbours matter.
    weights: of parts of the body in the loss, as of `JointSet.weights`; early: as of `window`.
    cache: decoded images that are kept; going through instances in order of frame, each image is decoded once if
    a window fits.
    Raises InputError for instances that point to no image, unknown neighbours, an even window; reading a sample
    raises it for a missing or truncated image, naming the file.
    """

    def __init__(
        self,
        images: Sequence[Sequence[Path]],
        instances: Instances,
        joints: JointSet,
        shape: Shape | None = None,
        frames: int = 5,
        neighbours: str = "real",
        cache: int = 64,
        weights: Mapping[str, float] = WEIGHTS,
        early: str = "first",
    ) -> None:
        self.early = early
        self.images, self.instances, self.joints = images, instances, joints
        self.shape, self.frames, self.neighbours = shape or Shape(), frames, neighbours
        self.read = lru_cache(maxsize=cache)(read_image)
        self.weights = joints.weights(weights)  # (J,)
        self._check()
        aspect = self.shape.width / self.shape.height
        self.center, self.size = boxes_to_crops(instances.box, aspect, self.shape.enlarge)  # (N, 2) each

    def __len__(self) -> int:
        return len(self.instances)

    def clip(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The unchanged crop of an instance: clip (T, 3, H, W) float32, and its matrix (2, 3)."""
        return self._cut(index, Draw(self.center[index], self.size[index]))

    def sample(self, index: int, seed: int, step: int, augmentation: Augmentation | None = None) -> Sample:
        """A training sample, augmented if asked; the draw depends on (seed, step, index) and nothing else.

        Raises InputError if the instances have no key points.
        """
        if self.instances.keypoints is None:
            raise InputError(f"{self.instances.boxes_from} come without key points: train on ground-truth boxes")
        draw = Draw(self.center[index], self.size[index])
        keypoints = self.instances.keypoints[index]  # (J, 3)
        present = keypoints.any(-1)
        if augmentation is not None:
            rng = np.random.default_rng((seed, step, index))
            draw = drawn(augmentation, rng, draw.center, draw.size, keypoints[present, :2], self.joints.upper[present])
        clip, matrix = self._cut(index, draw)
        places = self.shape.in_heatmap(transform(matrix, keypoints[:, :2]))
        if draw.mirror:  # the crop shows a mirror image: its left is the person's right
            places, present = places[self.joints.flip], present[self.joints.flip]
        return Sample(clip, places, present, matrix)

    def batch(self, indices: Sequence[int], seed: int, step: int, augmentation: Augmentation | None = None) -> Sample:
        """The samples of a training step, stacked: (B, T, 3, H, W), (B, J, 2), (B, J), (B, 2, 3)."""
        samples = [self.sample(int(index), seed, step, augmentation) for index in indices]
        return Sample(*(np.stack(column) for column in zip(*samples, strict=True)))

    def targets(self, places: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joints of samples (B, J, 2), (B, J) -> heatmaps to predict (B, J, h, w), their weights in the loss (B, J)."""
        shape, sigma = self.shape.heatmap, self.shape.sigma
        if self.shape.released:  # their Gaussians are about the nearest pixel
            places = np.trunc(places + 0.5)
        made = [gaussian_targets(*joints, self.weights, shape, sigma) for joints in zip(places, present, strict=True)]
        targets, weights = zip(*made, strict=True)
        return np.stack(targets), np.stack(weights)

    def fractions(self, places: np.ndarray) -> np.ndarray:
        """Places of samples (B, J, 2) in heatmap pixels -> as fractions of the crop's width and height."""
        return self.shape.in_crop(places) / np.array(self.shape.image)

    def clips(self, indices: Sequence[int]) -> np.ndarray:
        """The unchanged crops of instances, stacked: (B, T, 3, H, W)."""
        return np.stack([self.clip(int(index))[0] for index in indices])

    def located(self, indices: Sequence[int], answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What was predicted for unchanged crops -> joints (B, J, 2) in image pixels, scores (B, J).

        answers : heatmaps (B, J, h, w), or places as fractions of the crop and scores (B, J, 3); where PoseTrack's
            joints are wanted, also of all 17 channels (`datasets.video.joints.CHANNELS`)

        A joint's score is its heatmap's maximum, or the network's own, times the score of the box (docs/glsmamba.md,
        Evaluation).
        """
        places, scores = self._read(answers)
        matrices = [self.shape.back(Draw(self.center[i], self.size[i])) for i in indices]
        joints = transform(np.array(matrices).reshape(-1, 2, 3), places)
        return joints, scores * self.instances.score[np.asarray(indices, int), None]

    def pictured(self, answers: np.ndarray) -> np.ndarray:
        """Heatmaps (B, J, h, w) of answers as of `located`; of places, a target's, as high as their scores."""
        answers = of_channels(np.asarray(answers), self.joints)
        if answers.ndim == 4:
            return answers
        places = self.shape.in_heatmap(self._read(answers)[0])
        ones = np.ones(answers.shape[1])
        drawn = [gaussian_targets(each, ones > 0, ones, self.shape.heatmap, self.shape.sigma)[0] for each in places]
        return answers[:, :, 2, None, None] * np.stack(drawn)

    def _read(self, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places (B, J, 2) in crop pixels and scores (B, J) of answers as of `located`.

        Raises InputError for places or scores that are not finite.
        """
        answers = of_channels(np.asarray(answers), self.joints)
        if answers.ndim == 4:
            places, scores = decode(answers, self.shape.released)
            return self.shape.in_crop(places), scores
        if not np.isfinite(answers).all():
            raise InputError("a place has NaN or infinite values: training diverged, or the weights are damaged")
        return answers[..., :2] * np.array(self.shape.image), answers[..., 2]

    def _cut(self, index: int, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
        matrix = self.shape.matrix(draw)
        places = self._places(index)
        crops = {place: crop(self._image(*place), matrix, self.shape.image) for place in set(places)}
        return normalised(np.stack([crops[place] for place in places])), matrix

    def _image(self, sequence: int, frame: int) -> np.ndarray:
        return self.read(self.images[sequence][frame])

    def _places(self, index: int) -> list[tuple[int, int]]:
        """Sequence and image number of each frame of the window."""
        sequence, frame = int(self.instances.sequence[index]), int(self.instances.frame[index])
        around = window(frame, len(self.images[sequence]), self.frames, self.early).tolist()
        if self.neighbours == "real":
            return [(sequence, number) for number in around]
        if self.neighbours == "copies":
            return [(sequence, frame)] * self.frames
        rng = np.random.default_rng(index)
        # From the middle outwards: a shorter window is the middle of a longer one, as with real neighbours.
        strangers = [self._stranger(sequence, rng) for _ in range(self.frames - 1)]
        return [*strangers[-2::-2], (sequence, frame), *strangers[1::2]]

    def _stranger(self, sequence: int, rng: np.random.Generator) -> tuple[int, int]:
        """An image of another sequence."""
        other = (sequence + int(rng.integers(1, len(self.images)))) % len(self.images)
        return other, int(rng.integers(len(self.images[other])))

    def _check(self) -> None:
        if self.neighbours not in NEIGHBOURS:
            raise InputError(f"neighbours is {self.neighbours!r}, expected one of {', '.join(NEIGHBOURS)}")
        if self.neighbours == "shuffled" and len(self.images) < 2:
            raise InputError("shuffled neighbours need at least two sequences")
        lengths = np.array([len(paths) for paths in self.images], int)
        window(0, 1, self.frames)
        for row, (sequence, frame) in enumerate(zip(self.instances.sequence, self.instances.frame, strict=True)):
            if not (0 <= sequence < len(lengths) and 0 <= frame < lengths[sequence]):
                raise InputError(f"instance {row} names image {frame} of sequence {sequence}, which is not there")


def _instances(
    boxes_from: str, sequence: int, frame: np.ndarray, box: np.ndarray, score: np.ndarray,
    keypoints: np.ndarray | None = None,
) -> Instances:  # fmt: skip
    try:
        boxes_to_crops(box)
    except InputError as error:
        raise InputError(f"sequence {sequence}, {boxes_from}: {error}") from None
    return Instances(boxes_from, np.full(len(frame), sequence), frame.astype(int), box, score, keypoints)
