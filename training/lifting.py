"""Lifting as a task: keypoints in, poses out, P1 in millimetres."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

import models
from base.errors import InputError
from datasets.lifting import Split, load
from models.layout import IMAGE
from models.lifting.parts import LiftingModel
from studies.predictions import JOINTS, Predicted
from studies.recipes import LiftingRecipe
from training.batches import ClipSet, step_generator
from training.evaluate import p1_error, predict
from training.job import Job
from training.loop import WHOLE, Evaluation, Trainer
from training.losses import weighted_loss, weighted_terms
from training.team import of_device

SPLITS = ("train", "val", "test", "new")


def make_task(job: Job, model: LiftingModel) -> "Lifting":
    """The splits of the job's data; the model gets what has a closed form, or official weights, judged as they are."""
    splits = {name: load(job.data / name) for name in SPLITS if (job.data / name).is_dir()}
    task = Lifting(model, splits, job.spec.recipe)
    model.fit(task.clips.labels)
    if job.official is not None:
        if model.layout is not None and model.layout.space != IMAGE:
            name, space = type(model).__name__, model.layout.space
            raise InputError(
                f"{job.official}: {name} has official weights that answer in {space}, here it is {IMAGE}: leave it out"
            )
        models.load_published(model, job.official).requires_grad_(False)
    return task


class Lifting:
    """Trains on `splits["train"]`; P1 on validation selects, P1 on test is what tables show (`training.loop.Task`)."""

    cards = "*/card.json"
    metric = "mpjpe"
    columns = ("val_mpjpe", "test_mpjpe")
    lower_is_better = True

    def __init__(self, model: LiftingModel, splits: Mapping[str, Split], recipe: LiftingRecipe) -> None:
        self.splits, self.recipe = splits, recipe
        self.terms = weighted_terms(recipe.loss)
        if recipe.hold_out and "val" not in splits:
            raise InputError("the data has no split 'val' to select epochs by; set hold_out: false for this scale")
        # As the papers do where nothing is held out: there is nothing to select by.
        taught = ["train"] if recipe.hold_out else ["train", "val"]
        self.judged = ["val", "test"] if recipe.hold_out else ["test"]
        taught = [splits[name] for name in taught if name in splits]
        self.clips = ClipSet.of(taught, model.frames, Fraction(recipe.stride), model.in_channels)

    def epoch(self, seed: int, epoch: int) -> list[Tensor]:
        """Rows (B, T) of the clips of each step."""
        return list(self.clips.epoch(self.recipe.batch, self.recipe.steps, seed, epoch))

    def loss(
        self, model: LiftingModel, rows: Tensor, seed: int, step: int, part: slice = WHOLE
    ) -> tuple[Tensor, dict[str, float]]:
        """The recipe's loss of a part of a batch of clips, over all that the model gives; the last output's terms."""
        device = of_device(model.parameters())
        inputs, labels = self.clips.batch(rows, self.recipe.flip, step_generator(seed, step), part)
        inputs, labels = inputs.to(device), labels.to(device)
        middle = labels[:, model.frames // 2, None]
        poses = [output.float() for output in model.outputs(inputs)]
        truths = [labels if output.shape[1] == labels.shape[1] else middle for output in poses]
        losses = [weighted_loss(p, truth, self.recipe.loss) for p, truth in zip(poses, truths, strict=True)]
        return sum(loss for loss, _ in losses), losses[-1][1]

    def evaluate(self, model: LiftingModel) -> Evaluation:
        """P1 on validation, where something is held out, and test, and the predictions for test."""
        poses = {name: predict(model, self.splits[name], self.recipe.flip_test) for name in self.judged}
        errors = {name: p1_error(poses[name], self.splits[name], model.frames) for name in self.judged}
        predictions = {"test": {JOINTS: torch.from_numpy(poses["test"])}}
        return Evaluation(errors.get("val"), errors["test"], predictions)

    def describe(self, evaluation: Evaluation) -> str:
        """P1 of both."""
        chosen = "" if evaluation.val is None else f" validation {evaluation.val:.1f} mm,"
        return f"P1{chosen} test {evaluation.test:.1f} mm"

    def frames(self) -> dict[str, int]:
        """Frames of each split."""
        return {name: len(split.frames) for name, split in self.splits.items()}

    def predictions(self, trainer: Trainer) -> dict[str, np.ndarray]:
        """Poses (N, J, 3) of each selection for the test split, and for unseen bodies, where the data has some."""
        arrays = trainer.predictions()
        poses: dict[int, np.ndarray] = {}  # by epoch: selections may have chosen the same
        for selection, kept in trainer.best.items() if "new" in self.splits else ():
            if kept.epoch not in poses:
                trainer.model.load_state_dict(kept.weights)
                poses[kept.epoch] = predict(trainer.model, self.splits["new"], self.recipe.flip_test)
            arrays[Predicted(selection, "new").key()] = poses[kept.epoch]
        return arrays
