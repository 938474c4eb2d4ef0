"""Records on videos: what their weights predict, by what their frozen encoder sees."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import Tensor

from base.errors import InputError
from datasets.video.images import read_image
from datasets.video.videos import Videos
from studies.data import BEST_TEST_BY, Boxes
from studies.predictions import JOINTS, SCORES, Predicted
from studies.recipes import PRETRAINING, Crops, FeaturesSpec, RunSpec
from studies.records import SELECTION, Record
from training.checkpoints import halved, load_weights
from training.clips import seen_as
from training.features import write_features
from training.run import build_model, trained_model
from training.video import Video
from workflow.measuring.scores import Predictions
from workflow.measuring.video_scores import VideoScorer


class VideoRecords:
    """Prepared videos for the records on them (`workflow.measuring.records.Judge`).

    specs : of all that will be asked for, so that an encoder looks once for all networks that read it
    part : share of each network's kinds of boxes and neighbours that are looked at, true boxes first
    """

    by_group = False

    def __init__(self, data: Path, specs: Sequence[RunSpec], part: Fraction = Fraction(1)) -> None:
        self.data, self.scorer, self.part = data, VideoScorer(data), part
        self.frames = max(spec.frames for spec in specs)
        self.boxes = sorted({seen_as(boxes) for spec in specs for boxes in self._looked_at(spec)}, key=str)
        self._temporary, self._features = TemporaryDirectory(), {}

    def predict(self, record: Record, spec: RunSpec, weights: Mapping[str, Tensor]) -> Predictions:
        """Joints and scores in the boxes that are looked at. Raises InputError where the encoder's record is absent."""
        encoder, features = record.encoder, None
        if encoder and encoder.experiment.recipe != PRETRAINING:  # what it gives differs from network to network
            weights = dict(weights) | of_encoder(halved(load_weights(Path(weights_of(encoder)))))
        elif encoder:
            features = self._seen_by(encoder, replace(spec.recipe.crops, draws=None))
            weights = dict(weights) | of_encoder(build_model(spec).state_dict())  # nobody looks through this one
        model, looked_at = trained_model(spec, weights), self._looked_at(spec)
        task = Video(model, self.data, replace(spec.recipe, epochs=1), looked_at, features, spec.seed)
        answers = {str(boxes): task.predict(model, boxes) for boxes in looked_at if boxes in task.persons}
        return {Predicted(SELECTION, name): {JOINTS: j, SCORES: s} for name, (j, s) in answers.items()}

    def shown(self, predictions: Mapping[str, Predictions]) -> dict[str, np.ndarray]:
        """Nothing: pages play what was trained here."""
        return {}

    def fingerprint(self) -> dict[str, float]:
        """Means of key points and true boxes by split, and of the grey levels of the middle frames of val."""
        videos, means = Videos(self.data, hold_out=False), {}
        for split in ("train", "val"):
            persons = videos.persons(split, "gt")
            means |= {f"{split}/keypoints": persons.keypoints.mean(), f"{split}/boxes": persons.box.mean()}
        middle = [video.images[len(video.images) // 2] for video in videos.sequences("val")]
        grey = float(np.mean([read_image(image).mean() for image in middle]))
        # Grey levels of another processor's pictures are a little off.
        return {name: round(float(mean), 4) for name, mean in means.items()} | {"val/grey": round(grey, 1)}

    def _looked_at(self, spec: RunSpec) -> list[Boxes]:
        boxes = sorted({BEST_TEST_BY, *spec.conditions}, key=lambda boxes: (boxes != BEST_TEST_BY, str(boxes)))
        return boxes[: math.ceil(self.part * len(boxes))]

    def _seen_by(self, encoder: Record, crops: Crops) -> Path:
        """The folder of what a recorded encoder sees, made where it is asked for first."""
        key = f"{encoder.folder} {crops}"
        if key not in self._features:
            folder = Path(self._temporary.name, str(len(self._features)))
            weights = Path(weights_of(encoder))
            spec = FeaturesSpec(encoder.spec, crops, self.frames, tuple(self.boxes), selects=False)
            write_features(spec, self.data, weights, folder)
            self._features[key] = folder
        return self._features[key]


def weights_of(encoder: Record) -> str:
    """The file of a recorded encoder's weights. Raises InputError where there is none."""
    if encoder.weights is None:
        raise InputError(
            f"the record of its encoder, {encoder.folder}, is absent; take it from git again, or keep it first"
        )
    return encoder.weights


def of_encoder(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the encoder."""
    return {name: x for name, x in weights.items() if name.startswith("encoder.")}
