"""Scores of lifted poses, under `<protocol>/<split>/<selection>` (docs/protocols.md). No torch in here."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.lifting import Split, load
from datasets.normalise import normalise_keypoints
from metrics.joint_errors import METRICS
from metrics.protocols import Frames, human36m, mpi_inf_3dhp, pooled
from metrics.statistics import resample
from studies.predictions import JOINTS
from workflow.measuring.scores import Group, Run, Score

COMPARED = ("mpjpe", "p_mpjpe", "mpjve", "acceleration_error")  # metrics that tables compare variants by
GROUP_KINDS = ("action", "sequence", "activity")
SPLITS = ("test", "new")


class LiftingScorer:
    """Scores predictions on prepared lifting data (`workflow.measuring.scores.Scorer`).

    part : which share of the actions of each split (`part_of`)
    """

    def __init__(self, data: Path, part: Fraction = Fraction(1)) -> None:
        whole = {name: load(data / name) for name in SPLITS if (data / name).is_dir()}
        self.splits = {name: part_of(split, part) for name, split in whole.items()} if part < 1 else whole

    def score(self, run: Run, judged: str, answers: Mapping[str, np.ndarray]) -> list[Score]:
        """Every metric under every protocol of the split `judged`."""
        split = self.splits[judged]
        return [
            score
            for protocol, (values, clusters) in protocol_values(answers[JOINTS], split, run.spec.frames).items()
            for score in _scores(f"{protocol}/{judged}", values, clusters)
        ]

    def amounts(self, run: Run) -> tuple[int, int]:
        """Frames."""
        test = self.splits["test"].frames
        held_out = 0 if run.spec.recipe.hold_out else run.frames.get("val", 0)
        return run.frames["train"] + held_out, int(test["valid"].sum()) if "valid" in test else len(test)


def _scores(convention: str, values: Mapping, clusters: int) -> Iterator[Score]:
    """values : what a protocol of metrics.protocols returns."""
    for name, metric in METRICS.items():
        groups = tuple(
            Group(kind, group, of_group[name])
            for kind in GROUP_KINDS
            for group, of_group in values.get(f"per_{kind}", {}).items()
            if of_group.get(name) is not None
        )
        resamples = values["resampled"].get(name) if name in COMPARED else None
        yield Score(name, values.get(name), metric.unit, convention, groups, resamples, clusters)


def protocol_values(predictions: np.ndarray, split: Split, clip: int = 1) -> dict[str, tuple[dict, int]]:
    """Every metric of predictions (N, 17, 3) under each protocol that the split and its keypoints allow.

    clip: frames of the network's clips, which may decide what it is judged by (`datasets.lifting.WINDOWS`).
    `human36m` means over actions, `pooled` over frames; `human36m-gt2d` overwrites predicted x and y with the input's,
    which measures depth only and makes sense for ground-truth keypoints alone.
    Returns protocol -> (what `metrics.protocols` gives, with resamples of the takes; how many takes).
    """
    rows, split = split.judged(clip)
    predictions = predictions[rows]
    of_3dhp = split.protocol == "mpi-inf-3dhp"
    names, cluster = np.unique(split.sequence if of_3dhp else takes(split.frames), return_inverse=True)
    drawn = (cluster, resample(len(names)))
    where = (split.joints, split.width, split.height, split.sequence)
    if of_3dhp:
        action = split.action if split.frames["action"].nunique() > 1 else None
        frames = Frames(*where, action, resamples=drawn)
        return {"mpi-inf-3dhp": (mpi_inf_3dhp(predictions, frames, METRICS), len(names))}
    frames = Frames(*where, split.action, split.factor, resamples=drawn)
    values = {"human36m": human36m(predictions, frames, METRICS), "pooled": pooled(predictions, frames, METRICS)}
    if split.card.preset == "gt":
        keypoints = normalise_keypoints(np.asarray(split.keypoints), split.width, split.height)[..., :2]
        values["human36m-gt2d"] = human36m(predictions, replace(frames, keypoints=keypoints), METRICS)
    return {protocol: (of_protocol, len(names)) for protocol, of_protocol in values.items()}


def part_of(split: Split, part: Fraction) -> Split:
    """The rows of some actions: of that share of them, at least one, those with the fewest frames."""
    frames = split.frames["action"].value_counts()
    names = sorted(frames.index, key=lambda name: (frames[name], name))[: max(1, math.ceil(part * len(frames)))]
    return split.take(np.flatnonzero(split.frames["action"].isin(names)))


def takes(frames: pd.DataFrame) -> list[str]:
    """The take of each frame: its sequence without the camera, since several cameras filmed the same motion."""
    names = zip(frames["sequence"], frames["camera"], strict=True)
    return [sequence.removesuffix(f"_{camera}") for sequence, camera in names]
