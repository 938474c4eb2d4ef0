"""What every reader of video annotations hands over: one video as arrays.

Joints are PoseTrack's 15 in poseval's order (`metrics.poseval.JOINTS`), whatever order the file has.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from base.errors import InputError

JOINTS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "head_bottom", "nose", "head_top",
)  # fmt: skip
# Bits of `People.flags`: why a joint is hard to see in its own frame.
OCCLUDED, BLURRED, DROPPED = 1, 2, 4
MARGIN = 0.15  # of the joints' extent, on each side: how PoseTrack's boxes follow from the joints


@dataclass(frozen=True)
class Person:
    """A person as annotated in one frame: a row of `People`."""

    track_id: int
    keypoints: np.ndarray
    box: np.ndarray
    head_box: Sequence[float] = (0, 0, 0, 0)
    flags: np.ndarray | None = None


@dataclass(frozen=True)
class People:
    """The annotated persons of a video, P of them, in the order of their frames.

    frame (P,) int64: index into Video.images; track_id (P,) int64; keypoints (P, J, 3) float64: x, y in pixels
    from 0 and v, absent joints (0, 0, 0), present but hidden ones with v = 0; head_box (P, 4): x1, y1, x2, y2, zeros
    where the file has none; box (P, 4): x, y, width, height; flags (P, J) uint8: OCCLUDED, BLURRED, DROPPED, zero where
    the file does not say.
    """

    frame: np.ndarray
    track_id: np.ndarray
    keypoints: np.ndarray
    head_box: np.ndarray
    box: np.ndarray
    flags: np.ndarray

    @classmethod
    def of(cls, frames: Sequence[Sequence[Person]], joints: int = len(JOINTS)) -> "People":
        """The persons of each frame, in its order; joints: how many each has."""
        rows = [person for persons in frames for person in persons]
        none = np.zeros(joints)
        return cls(
            np.repeat(np.arange(len(frames)), [len(persons) for persons in frames]),
            np.array([person.track_id for person in rows], np.int64),
            np.array([person.keypoints for person in rows], np.float64).reshape(len(rows), joints, 3),
            np.array([person.head_box for person in rows], np.float64).reshape(len(rows), 4),
            np.array([person.box for person in rows], np.float64).reshape(len(rows), 4),
            np.array([none if person.flags is None else person.flags for person in rows], np.uint8).reshape(-1, joints),
        )

    @property
    def present(self) -> np.ndarray:
        """(P, J) bool: which joints are annotated, seen or hidden."""
        return self.keypoints.any(-1)


@dataclass(frozen=True)
class Video:
    """One video. images: paths of all F frames in order; image_ids (F,) int64; labelled (F,) bool; size: (width,
    height) in pixels; ignore: index of a frame -> its polygons (K, 2), in whose inside nothing is scored.
    """

    name: str
    images: tuple[Path, ...]
    image_ids: np.ndarray
    labelled: np.ndarray
    size: tuple[int, int]
    persons: People
    ignore: dict[int, list[np.ndarray]] = field(default_factory=dict)

    def check_images(self, file: Path) -> "Video":
        """The video, if all of its frames are there. Raises InputError naming the first that is not; file: its list."""
        if missing := [image for image in self.images if not image.is_file()]:
            raise InputError(f"{missing[0]}: is missing, {file.name} lists it; fetch the images or mend the list")
        return self


def box_around(keypoints: np.ndarray) -> np.ndarray:
    """Box (4,) x, y, width, height around the present joints of (J, 3): their extent, MARGIN more on each side."""
    points = keypoints[keypoints.any(-1), :2]
    if not len(points):
        return np.zeros(4)
    low, high = points.min(0), points.max(0)
    return np.concatenate([low - MARGIN * (high - low), (1 + 2 * MARGIN) * (high - low)])


def polygon(points: np.ndarray, where: str) -> np.ndarray:
    """A region to ignore as (K, 2) float64. Raises InputError, beginning with `where`, if K < 3 or a point is NaN."""
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1:] != (2,) or len(points) < 3:
        raise InputError(f"{where}: an ignore region has {len(points)} points, 3 are needed; remove or mend the region")
    finite(points, f"{where}, ignore region")
    return points


def finite(values: np.ndarray, where: str) -> np.ndarray:
    """The values, as they are. Raises InputError, beginning with `where`, if one is NaN or infinite."""
    if not np.isfinite(values).all():
        raise InputError(f"{where}: holds NaN or infinite coordinates; mend or remove this entry")
    return values


def frame_number(name: str) -> int:
    """Number of a frame by its file name: 0-based of six digits in 2018 and 2021, 1-based of eight in 2017."""
    digits = re.sub(r"\D", "", Path(name).stem)
    if not digits:
        raise InputError(f"{name}: has no frame number in its name; name the frames by number")
    return int(digits) - (len(digits) == 8)


def check_one_video(names: Iterable[str], file: Path) -> None:
    """Raises InputError naming the file unless all images lie in one folder: files of whole splits hold many videos."""
    videos = dict.fromkeys(Path(name).parent.name for name in names)
    if len(videos) > 1:
        first, second, *_ = videos
        raise InputError(f"{file}: holds {len(videos)} videos ({first}, {second}); give a file for each")


def in_order(numbers: list[int], file: Path) -> None:
    """Raises InputError naming the file unless the frames' numbers rise."""
    for before, after in pairwise(numbers):
        if after <= before:
            raise InputError(f"{file}: frame {after} follows frame {before}; list the images in their order in time")
