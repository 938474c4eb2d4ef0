"""Scores of poses in video, under the conventions `<protocol>+<boxes>/<split>/<selection>`. No torch in here."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from datasets.video.joints import JHMDB, neck_between_shoulders
from datasets.video.videos import Videos, fold_of
from studies.data import Boxes
from studies.predictions import JOINTS, SCORES
from studies.variants import variant
from training.scoring import person_pck, video_ap
from workflow.measuring.scores import Run, Score

POSEVAL, POSEVAL_SHOULDERS = "poseval", "poseval-shoulders"  # the latter with the neck between the shoulders


class VideoScorer:
    """Scores predictions on prepared video data by PoseTrack's AP or Sub-JHMDB's PCK (`scores.Scorer`).

    PoseTrack's of some variants with the neck between the shoulders as well, as PoseWarper's released evaluation does.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self._folds: dict[int, Videos] = {}

    def videos(self, run: Run) -> Videos:
        """Those of the run's fold."""
        fold = fold_of(run.spec.seed)
        if fold not in self._folds:
            self._folds[fold] = Videos(self.data, seed=run.spec.seed)
        return self._folds[fold]

    def score(self, run: Run, judged: str, answers: Mapping[str, np.ndarray]) -> list[Score]:
        """Every metric of persons in the boxes that `judged` names."""
        videos, boxes = self.videos(run), Boxes.parse(judged)
        sequences, persons = videos.sequences(boxes.split), videos.persons(boxes.split, boxes.kind)
        if videos.joints is JHMDB:
            scored = {"jhmdb-person": person_pck(persons, answers[JOINTS], resampled=True)}
        else:
            poses = {POSEVAL: (answers[JOINTS], answers[SCORES])}
            if variant(run.spec.variant).both_necks:
                poses[POSEVAL_SHOULDERS] = neck_between_shoulders(*poses[POSEVAL])
            scored = {name: video_ap(sequences, persons, *pose, resampled=True) for name, pose in poses.items()}
        return [
            Score(
                metric,
                score.value,
                "%",
                f"{protocol}+{boxes.in_split}/{boxes.split}",
                resamples=score.resamples,
                clusters=len(sequences),
            )
            for protocol, metrics in scored.items()
            for metric, score in metrics.items()
        ]

    def amounts(self, run: Run) -> tuple[int, int]:
        """Videos."""
        train, dev, val = (len(self.videos(run).sequences(split)) for split in ("train", "dev", "val"))
        return train + dev, val
