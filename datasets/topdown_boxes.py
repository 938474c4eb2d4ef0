"""The persons of a prepared video data set as boxes to look at, once as annotated and once as a detector found them."""

from collections.abc import Sequence as List
from pathlib import Path

import numpy as np

from datasets.topdown import Instances, detector_boxes, ground_truth_boxes, joined
from datasets.video.boxes import Boxes, read_boxes
from datasets.video.posetrack import read_sequence
from datasets.video.sequences import Sequence
from studies.errors import InputError

EVERY_EIGHTH = 8  # training videos that select epochs instead of teaching


class Videos:
    """The sequences of a prepared video data set and the persons in them; each file is read once.

    Splits are val, and two parts of the data's training videos: dev (every eighth of them) and train (the others).
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self._annotated: dict[str, list[Sequence]] = {}  # by folder of annotations
        self._persons: dict[tuple[str, str], Instances] = {}  # by split and kind of boxes

    def sequences(self, split: str) -> list[Sequence]:
        """Sequences of a split."""
        folder = self._folder(split)
        if folder not in self._annotated:
            self._annotated[folder] = read_split(self.data, folder)
        found = self._annotated[folder]
        if split == "val":
            return found
        return [s for i, s in enumerate(found, 1) if (i % EVERY_EIGHTH == 0) == (split == "dev")]

    def persons(self, split: str, boxes: str) -> Instances:
        """Persons of a split, by "gt-boxes" as annotated or by "detected-boxes"."""
        if (split, boxes) not in self._persons:
            sequences, found = self.sequences(split), self.data / "boxes" / f"{self._folder(split)}.json"
            true = boxes == "gt-boxes"
            self._persons[split, boxes] = annotated_boxes(sequences) if true else detected_boxes(sequences, found)
        return self._persons[split, boxes]

    @staticmethod
    def _folder(split: str) -> str:
        return "val" if split == "val" else "train"


def read_split(data: Path, split: str) -> list[Sequence]:
    """All sequences of a split in PoseTrack's layout below `data`, by name. Raises InputError where there is none."""
    files = sorted((data / "annotations" / split).glob("*.json"))
    if not files:
        raise InputError(f"{data}: has no annotations of the split {split!r}; delete the folder and prepare it again")
    return [read_sequence(file, data) for file in files]


def annotated_boxes(sequences: List[Sequence]) -> Instances:
    """One instance an annotated person, `sequence` counting from 0."""
    persons = [sequence.persons for sequence in sequences]
    return joined([ground_truth_boxes(i, p.frame, p.box, p.keypoints) for i, p in enumerate(persons)])


def detected_boxes(sequences: List[Sequence], path: Path) -> Instances:
    """One instance a box that the detector's file at `path` has for a labelled frame."""
    boxes = read_boxes(path)
    return joined([_detected(i, sequence, boxes) for i, sequence in enumerate(sequences)])


def _detected(number: int, sequence: Sequence, boxes: Boxes) -> Instances:
    labelled = np.flatnonzero(sequence.labelled)
    found = [boxes.of(int(sequence.image_ids[frame])) for frame in labelled]
    frames = np.repeat(labelled, [len(score) for _, score in found])
    box = np.concatenate([np.zeros((0, 4)), *(box for box, _ in found)])
    return detector_boxes(number, frames, box, np.concatenate([np.zeros(0), *(score for _, score in found)]))
