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


def read_persons(data: Path, split: str, boxes: str) -> tuple[list[Sequence], Instances]:
    """Sequences of a split and their persons, one kind of boxes.

    split : val, or a part of the data's training videos: dev (every eighth of them) or train (the others)
    boxes : "gt-boxes" or "detected-boxes"
    """
    folder = "val" if split == "val" else "train"
    sequences = read_split(data, folder)
    if split != "val":
        sequences = [s for i, s in enumerate(sequences, 1) if (i % EVERY_EIGHTH == 0) == (split == "dev")]
    if boxes == "gt-boxes":
        return sequences, annotated_boxes(sequences)
    return sequences, detected_boxes(sequences, data / "boxes" / f"{folder}.json")


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
