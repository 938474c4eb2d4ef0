"""The persons of a prepared video data set as boxes to look at, once as annotated and once as a detector found them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.foreign import data_files
from datasets.video.annotations import Video
from datasets.video.boxes import Detections, read_boxes
from datasets.video.coco import read_json
from datasets.video.instances import Instances, detector_boxes, ground_truth_boxes, joined
from datasets.video.jhmdb import read_jhmdb
from datasets.video.joints import JHMDB, POSETRACK, JointSet
from datasets.video.posetrack import read_sequence

FOLDS = (1, 2, 3)  # of Sub-JHMDB
EVERY_EIGHTH = 8  # training videos that select epochs instead of teaching


class Videos:
    """The sequences of a prepared video data set and the persons in them; each file is read once.

    Splits are val, and two parts of the data's training videos: dev (every eighth of them) and train (the others), or
    all of them where nothing is held out to select epochs by.
    """

    def __init__(self, data: Path, hold_out: bool = True, seed: int = 0) -> None:
        """seed: of the run; Sub-JHMDB has three splits, and each run gets one: with seeds 0, 1, 2 the mean over seeds
        is the mean over splits."""
        self.data, self.hold_out, self.fold = data, hold_out, fold_of(seed)
        card = data / "card.json"
        jhmdb = card.is_file() and read_json(card).get("joints") == "jhmdb-15"
        self.joints: JointSet = JHMDB if jhmdb else POSETRACK  # which are annotated
        self._annotated: dict[str, list[Video]] = {}  # by folder of annotations
        self._persons: dict[tuple[str, str], Instances] = {}  # by split and kind of boxes

    def sequences(self, split: str) -> list[Video]:
        """Sequences of a split."""
        folder = self._folder(split)
        if folder not in self._annotated:
            self._annotated[folder] = self._read(folder)
        videos = self._annotated[folder]
        if split == "val" or not self.hold_out:
            return videos
        return [s for i, s in enumerate(videos, 1) if (i % EVERY_EIGHTH == 0) == (split == "dev")]

    def persons(self, split: str, boxes: str) -> Instances:
        """Persons of a split, by boxes as annotated ("gt") or as "detected"."""
        if (split, boxes) not in self._persons:
            sequences, detections = self.sequences(split), self.data / "boxes" / f"{self._folder(split)}.json"
            true = boxes == "gt"
            self._persons[split, boxes] = annotated_boxes(sequences) if true else detected_boxes(sequences, detections)
        return self._persons[split, boxes]

    def boxed(self, kind: str) -> bool:
        """Whether the data has boxes of a kind, "gt" or "detected"."""
        return kind == "gt" or (self.data / "boxes/val.json").is_file()

    def _read(self, folder: str) -> list[Video]:
        if self.joints is POSETRACK:
            return read_split(self.data, folder)
        name = f"Sub{self.fold}_{'test' if folder == 'val' else 'train'}.json"
        return read_jhmdb(self.data / "annotations" / name, self.data)

    @staticmethod
    def _folder(split: str) -> str:
        return "val" if split == "val" else "train"


def fold_of(seed: int) -> int:
    """The split of Sub-JHMDB, 1 to 3, that runs with a seed get."""
    return seed % len(FOLDS) + 1


def read_split(data: Path, split: str) -> list[Video]:
    """All sequences of a split in PoseTrack's layout below `data`, by name. Raises InputError where there is none."""
    files = data_files(data / "annotations" / split, "*.json")
    if not files:
        raise InputError(f"{data}: has no annotations of the split {split!r}; delete the folder and prepare it again")
    return [read_sequence(file, data) for file in files]


def annotated_boxes(sequences: Sequence[Video]) -> Instances:
    """One instance a person that is annotated in a labelled frame, `sequence` counting from 0."""
    parts = []
    for i, sequence in enumerate(sequences):
        persons = sequence.persons
        rows = np.flatnonzero(sequence.labelled[persons.frame])
        parts.append(ground_truth_boxes(i, persons.frame[rows], persons.box[rows], persons.keypoints[rows]))
    return joined(parts)


def detected_boxes(sequences: Sequence[Video], path: Path) -> Instances:
    """One instance a box that the detector's file at `path` has for a labelled frame."""
    boxes = read_boxes(path)
    return joined([_detected(i, sequence, boxes) for i, sequence in enumerate(sequences)])


def _detected(number: int, sequence: Video, boxes: Detections) -> Instances:
    labelled = np.flatnonzero(sequence.labelled)
    detections = [boxes.of(int(sequence.image_ids[frame])) for frame in labelled]
    frames = np.repeat(labelled, [len(score) for _, score in detections])
    box = np.concatenate([np.zeros((0, 4)), *(box for box, _ in detections)])
    return detector_boxes(number, frames, box, np.concatenate([np.zeros(0), *(score for _, score in detections)]))
