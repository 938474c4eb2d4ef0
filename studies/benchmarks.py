"""The data sets that papers print numbers for: their names, and how much of them, and of our own, there is."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from studies.data import PAPER_DETECTORS, TRUE_KEYPOINTS, Dataset


@dataclass(frozen=True)
class Benchmark:
    """A data set that papers print numbers for.

    module    : reads the papers' own files, and is imported only for them; `conversion` (datasets/papers/convert.py)
                says what those of lifted poses become, `convert` converts videos
    detectors : whose keypoints there are; none: these are videos
    """

    title: str
    module: str
    detectors: tuple[str, ...] = ()


BENCHMARKS = {
    "human36m": Benchmark("Human3.6M", "datasets.papers.human36m_convert", (TRUE_KEYPOINTS, *PAPER_DETECTORS)),
    "mpi-inf-3dhp": Benchmark("MPI-INF-3DHP", "datasets.papers.mpi_inf_3dhp_convert", (TRUE_KEYPOINTS,)),
    "posetrack17": Benchmark("PoseTrack2017", "datasets.papers.posetrack_convert"),
    "posetrack18": Benchmark("PoseTrack2018", "datasets.papers.posetrack_convert"),
    "posetrack21": Benchmark("PoseTrack21", "datasets.papers.posetrack_convert"),
    "jhmdb": Benchmark("Sub-JHMDB", "datasets.papers.jhmdb_convert"),
}
STANDARD = "human36m"  # what is meant where a table or a figure does not name its data set
VIDEO_STANDS_FOR = "posetrack17"  # what the columns of our rendered videos are measured on at scale paper
# Frames (of the PoseTracks: videos) to train on and to be judged by, as the papers have them; several numbers where
# published files differ (docs/papers-data.md). Anything else is not the papers' data.
AMOUNTS: dict[str, dict[str, tuple[int, ...]]] = {
    "human36m": {"train": (1_559_752,), "test": (566_920,)},
    "mpi-inf-3dhp": {"train": (1_052_736,), "test": (2_929, 2_875)},
    "posetrack17": {"train": (250, 292), "test": (50,)},
    "posetrack18": {"train": (593,), "test": (170, 74)},
    "posetrack21": {"train": (593,), "test": (170,)},
}


def paper_data() -> list[Dataset]:
    """Data that are made of the papers' own files: `human36m-sh`, `video-jhmdb`, ..."""
    return [Dataset(name, d) for name, benchmark in BENCHMARKS.items() for d in benchmark.detectors or (None,)]


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
    "synthetic": {"train": Size(40_960, 256), "val": Size(960, 8), "test": Size(1_440, 12)},
    "cmu": {"train": Size(96_792, 92), "val": Size(10_200, 12), "test": Size(22_436, 28), "new": Size(6_520, 20)},
    "cmu-small": {"train": Size(990, 6), "val": Size(432, 2), "test": Size(326, 4)},
    "human36m": {"train": Size(1_559_752, 600), "test": Size(566_920, 236)},
    "mpi-inf-3dhp": {"train": Size(1_052_736, 128, every=9), "test": Size(2_929, 6, centred=True)},
}
# Annotated persons of videos by their motion, train and val, as they are once prepared.
PERSONS = {
    "synthetic": (1_700, 183),
    "cmu": (4_855, 573),
    "cmu-small": (45, 6),
    "jhmdb": (8_400, 2_800),  # of 11,200 frames, about a quarter of them in a test split
}
PERSONS_A_VIDEO = 30 * 2.4  # of PoseTrack: labelled frames, persons in one of them


def video_persons(motion: str) -> tuple[float, float]:
    """Persons to train on and to judge of videos of a motion, about as many as there will be; 0 where unknown."""
    if motion in PERSONS:
        return PERSONS[motion]
    videos = AMOUNTS.get(motion, {"train": (0,), "test": (0,)})
    return videos["train"][0] * PERSONS_A_VIDEO, videos["test"][0] * PERSONS_A_VIDEO
