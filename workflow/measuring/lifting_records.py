"""Records on lifting data: what their weights predict, and what of it is held to what was recorded."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from torch import Tensor

from datasets.lifting import Split, load
from studies.predictions import JOINTS, Predicted
from studies.recipes import RunSpec
from studies.records import PLAYED, ROWS, SELECTION, Record
from training.evaluate import predict
from training.run import trained_model
from workflow.measuring.lifting_scores import LiftingScorer
from workflow.measuring.scores import Predictions

TEST = "test"


class LiftingRecords:
    """Prepared lifting data for the records on it (`workflow.measuring.records.Judge`).

    part : share of the actions of each split that are looked at, each held to what was recorded of it
    """

    def __init__(self, data: Path, part: Fraction = Fraction(1)) -> None:
        self.data, self.scorer, self.by_group = data, LiftingScorer(data, part), part < 1

    def predict(self, record: Record, spec: RunSpec, weights: Mapping[str, Tensor]) -> Predictions:
        """Poses of the splits of `scorer`."""
        return evaluate(spec, weights, self.scorer.splits)

    def shown(self, predictions: Mapping[str, Predictions]) -> dict[str, np.ndarray]:
        """What pages play, by folder: poses (n, J, 3), normalised, of the test split's rows ROWS."""
        rows = np.flatnonzero(self.scorer.splits[TEST].frames.groupby("sequence").cumcount() < PLAYED)
        answers = {folder: own[Predicted(SELECTION, TEST)][JOINTS][rows] for folder, own in predictions.items()}
        return {ROWS: rows} | answers

    def fingerprint(self) -> dict[str, float]:
        """Means by split and array."""
        return {
            f"{split.name}/{name}": round(float(np.mean(np.asarray(array, dtype=np.float64))), 4)
            for split in sorted(self.data.iterdir())
            if split.is_dir()
            for name, array in (("keypoints", load(split).keypoints), ("joints", load(split).joints))
        }


def evaluate(spec: RunSpec, weights: Mapping[str, Tensor], splits: Mapping[str, Split]) -> Predictions:
    """What a network of these weights, of any precision, predicts for splits by name."""
    model, flip = trained_model(spec, weights), spec.recipe.flip_test
    return {Predicted(SELECTION, name): {JOINTS: predict(model, split, flip)} for name, split in splits.items()}
