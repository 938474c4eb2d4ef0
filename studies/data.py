"""Data sets, experiments and boxes: what their names say, parsed and printed here and nowhere else.

What a trained network reads of them decides whether it is trained again: only `base` may be imported here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from base.errors import InputError
from base.reading import nearest

LIFTING, VIDEO = "lifting", "video"  # kinds of data: poses to lift, persons to find in videos
TRUE_KEYPOINTS = "gt"
OUR_DETECTORS = ("sh-like", "hard")  # presets of datasets.motion.detector that add a detector's noise
PAPER_DETECTORS = ("sh", "cpn")  # whose keypoints Human3.6M comes with
KEYPOINTS = (TRUE_KEYPOINTS, *OUR_DETECTORS, *PAPER_DETECTORS)
VIDEOS = "video-"  # what the names of video data begin with


@dataclass(frozen=True)
class Dataset:
    """Motion seen by cameras and a detector, or filmed: `cmu-sh-like`, `human36m-gt`, `video-cmu`, `video-jhmdb`.

    motion   : where the poses come from: one of datasets/motions.yaml, or a paper's own data (studies/benchmarks.py)
    detector : whose keypoints (KEYPOINTS); None: these are videos
    """

    motion: str
    detector: str | None = None

    @classmethod
    def parse(cls, name: str) -> "Dataset":
        """The data set of a name. Raises InputError for a name that none can have."""
        if name.startswith(VIDEOS):
            return cls(name.removeprefix(VIDEOS))
        for detector in KEYPOINTS:
            motion = name.removesuffix(f"-{detector}")
            if motion and motion != name:
                return cls(motion, detector)
        ends = ", ".join(KEYPOINTS)
        raise InputError(f"{name!r}: no data set has such a name; it begins with {VIDEOS} or ends with one of {ends}")

    @property
    def kind(self) -> str:
        """LIFTING or VIDEO."""
        return VIDEO if self.detector is None else LIFTING

    def __str__(self) -> str:
        return f"{VIDEOS}{self.motion}" if self.detector is None else f"{self.motion}-{self.detector}"


def one_of(datasets: Iterable[Dataset], name: str) -> Dataset:
    """The one of some data sets that has a name. Raises InputError with the nearest known name."""
    known = {str(dataset): dataset for dataset in datasets}
    if name not in known:
        raise InputError(f"unknown data set {name!r}{nearest(name, known)}")
    return known[name]


@dataclass(frozen=True)
class Experiment:
    """A variant trained by a recipe on a data set; with a seed it is a run."""

    dataset: Dataset
    variant: str
    recipe: str

    @classmethod
    def named(cls, dataset: str, variant: str, recipe: str) -> "Experiment":
        """With the data set by its name."""
        return cls(Dataset.parse(dataset), variant, recipe)

    def __str__(self) -> str:
        return f"{self.variant} on {self.dataset}, recipe {self.recipe}"


@dataclass(frozen=True)
class Boxes:
    """What a network for video is judged on: `val+detected-boxes+copies`, or without the split where it is `val`.

    kind       : gt (as annotated) or detected
    neighbours : of the middle frame: real, copies of it, or frames shuffled in from other videos
    split      : train and dev (parts of the data's own training videos), or val
    """

    kind: str
    neighbours: str = "real"
    split: str = "val"

    @classmethod
    def parse(cls, text: str) -> "Boxes":
        """From `str(boxes)` or `boxes.in_split`."""
        parts = text.split("+")
        split = "val" if parts[0].endswith("-boxes") else parts.pop(0)
        return cls(parts[0].removesuffix("-boxes"), *parts[1:], split=split)

    @property
    def in_split(self) -> str:
        """`detected-boxes+copies`: all but the split."""
        return f"{self.kind}-boxes" + ("" if self.neighbours == "real" else f"+{self.neighbours}")

    @property
    def copies(self) -> bool:
        """Whether the middle frame stands for its neighbours."""
        return self.neighbours == "copies"

    def __str__(self) -> str:
        return f"{self.split}+{self.in_split}"


BEST_TEST_BY = Boxes("gt")  # what `best_test` selects a network for video by, whatever tables show
