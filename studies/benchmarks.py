"""The data sets that papers print numbers for: their names, and how much of them, and of our own, there is."""

import math
from typing import NamedTuple

BENCHMARKS = {
    "human36m": "Human3.6M",
    "mpi-inf-3dhp": "MPI-INF-3DHP",
    "posetrack17": "PoseTrack2017",
    "posetrack18": "PoseTrack2018",
    "posetrack21": "PoseTrack21",
    "jhmdb": "Sub-JHMDB",
}
# Frames (of the PoseTracks: videos) to train on and to be judged by, as the papers have them; several numbers where
# published files differ (docs/papers-data.md). Anything else is not the papers' data.
AMOUNTS: dict[str, dict[str, tuple[int, ...]]] = {
    "human36m": {"train": (1_559_752,), "test": (566_920,)},
    "mpi-inf-3dhp": {"train": (1_052_736,), "test": (2_929, 2_875)},
    "posetrack17": {"train": (250, 292), "test": (50,)},
    "posetrack18": {"train": (593,), "test": (170, 74)},
    "posetrack21": {"train": (593,), "test": (170,)},
}


def departures(benchmark: str, found: dict[str, int]) -> list[str]:
    """What of the papers' data is missing or too much, in words. found: amount by split, train and test."""
    return [
        f"{found[split]:,} {split} {'videos' if benchmark.startswith('posetrack') else 'frames'} of {wanted[0]:,}"
        for split, wanted in AMOUNTS.get(benchmark, {}).items()
        if split in found and found[split] not in wanted
    ]


class Size(NamedTuple):
    """Of a split of lifting data. every: frames from one training clip to the next, where the data's own rule says so;
    centred: whether it is judged by a window around each frame."""

    frames: int
    sequences: int
    every: int | None = None
    centred: bool = False

    def clips(self, frames: int, stride: int) -> float:
        """About how many training clips of `frames` frames `datasets.clips` cuts, for sequences of equal length."""
        if self.every:
            return self.sequences * math.ceil(self.frames / self.sequences / self.every)
        return self.sequences * (1 + max(0.0, self.frames / self.sequences - frames) / stride)

    def windows(self, frames: int, one_by_one: bool) -> float:
        """About how many clips of `frames` frames a network looks at to be judged; one_by_one: answers for one each."""
        if one_by_one or self.centred:
            return self.frames
        return self.sequences * math.ceil(self.frames / self.sequences / frames)


# Of lifting data by what they are made of, as they are once prepared (the papers': as published).
SIZES: dict[str, dict[str, Size]] = {
    "synthetic": {"train": Size(10_240, 64), "val": Size(960, 8), "test": Size(1_440, 12)},
    "cmu": {"train": Size(96_792, 92), "val": Size(10_200, 12), "test": Size(22_436, 28), "new": Size(6_520, 20)},
    "cmu-small": {"train": Size(990, 6), "val": Size(432, 2), "test": Size(326, 4)},
    "human36m": {"train": Size(1_559_752, 600), "test": Size(566_920, 236)},
    "mpi-inf-3dhp": {"train": Size(1_052_736, 128, every=9), "test": Size(2_929, 6, centred=True)},
}
# Annotated persons of rendered videos, train and val, as they are once prepared.
PERSONS = {"video-synthetic": (1_700, 183), "video-cmu": (2_430, 850), "video-cmu-small": (45, 6)}
PERSONS_A_VIDEO = 30 * 2.4  # of PoseTrack: labelled frames, persons in one of them
JHMDB_PERSONS = (8_400, 2_800)  # of Sub-JHMDB's 11,200 frames, about a quarter of them in a test split


def video_persons(dataset: str) -> tuple[float, float]:
    """Persons to train on and to judge of a data set of videos, about as many as there will be; 0 where unknown."""
    if dataset in PERSONS:
        return PERSONS[dataset]
    if dataset == "video-jhmdb":
        return JHMDB_PERSONS
    videos = AMOUNTS.get(dataset.removeprefix("video-"), {"train": (0,), "test": (0,)})
    return videos["train"][0] * PERSONS_A_VIDEO, videos["test"][0] * PERSONS_A_VIDEO


def lifting_sizes(dataset: str) -> dict[str, Size]:
    """Sizes of the splits of a lifting data set (`cmu-small-gt`) by what it is made of; none where unknown."""
    return next((SIZES[base] for base in sorted(SIZES, key=len, reverse=True) if dataset.startswith(f"{base}-")), {})
