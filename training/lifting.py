"""Lifting as a task: keypoints in, poses out, P1 in millimetres."""

import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import models
from base.errors import InputError
from base.foreign import data_files
from datasets.lifting import Split, load
from models.layout import IMAGE
from models.lifting.parts import LiftingModel
from studies.predictions import Predicted
from studies.recipes import LiftingRecipe, RunSpec
from training.batches import ClipSet, step_generator
from training.evaluate import predict, validation_error
from training.loop import WHOLE, Evaluation, Trainer
from training.losses import weighted_loss, weighted_terms
from training.run import digests, fingerprint, start, train, write_run
from training.team import ALONE, Team

SPLITS = ("train", "val", "test", "new")


class Lifting:
    """Trains on `splits["train"]`; P1 on validation selects, P1 on test is what tables show (`training.loop.Task`)."""

    metric = "mpjpe"
    columns = ("val_mpjpe", "test_mpjpe")
    lower_is_better = True

    def __init__(self, model: LiftingModel, splits: dict[str, Split], recipe: LiftingRecipe) -> None:
        self.splits, self.recipe = dict(splits), recipe
        self.terms = weighted_terms(recipe.loss)
        taught = [self.splits["train"]]
        if not recipe.hold_out and "val" in splits:  # as the papers do: nothing to select by
            taught.append(self.splits.pop("val"))
        elif recipe.hold_out and "val" not in splits:
            raise InputError("the data has no split 'val' to select epochs by; say hold_out: false for this scale")
        self.clips = ClipSet.of(taught, model.frames, Fraction(recipe.stride), model.in_channels)

    def epoch(self, seed: int, epoch: int) -> list[Tensor]:
        """Rows (B, T) of the clips of each step."""
        return list(self.clips.epoch(self.recipe.batch, self.recipe.steps, seed, epoch))

    def loss(
        self, model: LiftingModel, rows: Tensor, seed: int, step: int, part: slice = WHOLE
    ) -> tuple[Tensor, dict[str, float]]:
        """The recipe's loss of a part of a batch of clips."""
        device = next(model.parameters()).device
        inputs, labels = self.clips.batch(rows, self.recipe.flip, step_generator(seed, step), part)
        inputs, labels = inputs.to(device), labels.to(device)
        middle = labels[:, model.frames // 2, None]
        poses = [output.float() for output in model.outputs(inputs)]
        truths = [labels if output.shape[1] == labels.shape[1] else middle for output in poses]
        losses = [weighted_loss(p, truth, self.recipe.loss) for p, truth in zip(poses, truths, strict=True)]
        return sum(loss for loss, _ in losses), losses[-1][1]

    def evaluate(self, model: LiftingModel) -> Evaluation:
        """P1 on validation, where something is held out, and test, and the predictions for test."""
        judged = {name: self.splits[name] for name in ("val", "test") if name in self.splits}
        poses = {name: predict(model, split, self.recipe.flip_test) for name, split in judged.items()}
        errors = {name: validation_error(poses[name], split, model.frames) for name, split in judged.items()}
        return Evaluation(errors.get("val"), errors["test"], {"test": torch.from_numpy(poses["test"])})

    def describe(self, found: Evaluation) -> str:
        """P1 of both."""
        chosen = "" if found.val is None else f" validation {found.val:.1f} mm,"
        return f"P1{chosen} test {found.test:.1f} mm"


def train_lifting(
    spec: RunSpec,
    data: Path,
    run: Path,
    state: Path,
    sources: Sequence[str | Path] = (),
    published: Path | None = None,
    team: Team = ALONE,
) -> None:
    """Train one run and write its results; a killed training goes on from its state.

    Parameters
    ----------
    spec : what to run
    data : folder with the prepared splits train, val, test and perhaps new
    run : folder for `weights*.safetensors`, `history.csv`, `predictions.npz`, `run.json`, written at the end
    state : folder for what a killed training resumes from; no output of the workflow
    sources : files whose change makes an old state useless
    published : a file of weights, which are judged as they are instead of training
    team : the processes that train together
    """
    began = time.monotonic()
    splits = {name: load(data / name) for name in SPLITS if (data / name).is_dir()}
    model = start(spec)
    task = Lifting(model, splits, spec.recipe)
    model.fit(task.clips.labels)
    if published is not None:
        if model.layout.space != IMAGE:
            name, space = type(model).__name__, model.layout.space
            raise InputError(
                f"{published}: {name} was published to answer in {space}, here it is {IMAGE}: leave it out"
            )
        models.load_published(model, published).requires_grad_(False)
    inputs = digests([*data_files(data, "*/card.json"), *([published] if published else [])], sources)
    trainer = train(spec, model, task, state, fingerprint(spec, inputs), team)
    if not team.leads:
        return
    frames = {name: len(split.frames) for name, split in splits.items()}
    write_run(run, spec, trainer, _predictions(trainer, splits), frames, inputs, began)


def _predictions(trainer: Trainer, splits: dict[str, Split]) -> dict[str, np.ndarray]:
    """Predictions (N, J, 3) of each selection for the test split, and for unseen bodies, by `Predicted.key`."""
    arrays = {Predicted(s, "test").key(): kept["predictions"]["test"].numpy() for s, kept in trainer.best.items()}
    answers: dict[int, np.ndarray] = {}  # by epoch: selections may have chosen the same
    for selection in trainer.best if "new" in splits else ():
        epoch = trainer.best[selection]["epoch"]
        if epoch not in answers:
            trainer.model.load_state_dict(trainer.best[selection]["weights"])
            answers[epoch] = predict(trainer.model, splits["new"], trainer.recipe.flip_test)
        arrays[Predicted(selection, "new").key()] = answers[epoch]
    return arrays
