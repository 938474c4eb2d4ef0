"""Poses in video as a task: clips in, heatmaps of the middle frame out, PoseTrack's AP.

PoseTrack's habit is to select on the very split that tables show. Here every eighth training video is kept from
training and selects (`best_val`) where there is more than one epoch; the benchmark's own split `val` is what tables
show, and what `best_test` selects on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from base.errors import InputError
from datasets.video.joints import JHMDB, in_channels
from datasets.video.videos import Videos
from models.video.clips import ClipModel
from studies.data import BEST_TEST_BY, Boxes
from studies.predictions import JOINTS, SCORES
from studies.recipes import OFFICIAL, VideoRecipe
from training.batches import shuffled
from training.checkpoints import halved, load_weights
from training.clips import SELECT_ON, TAUGHT, Features, Images, Persons, chunks, seen_as
from training.job import Job
from training.loop import WHOLE, Evaluation, Trainer
from training.team import of_device
from training.video_losses import Truth, check_terms, video_terms


def make_task(job: Job, model: ClipModel) -> "Video":
    """The persons of the job's data; the model starts from pretrained or official weights where the job has some.

    By the recipe `official` they are judged as they are.
    """
    if job.weights is not None:
        weights = load_weights(job.weights)
        take_pretrained(model, halved(weights) if job.features else weights)  # as `training.features` does
    if job.official is not None:
        # Imported by its name: a training that starts from no released file does not depend on what reads such files.
        reader = import_module("models.video.official")
        if job.spec.recipe_name == OFFICIAL:
            reader.judge(model, job.official)
        else:
            reader.start(model, job.official)
    return Video(model, job.data, job.spec.recipe, job.spec.conditions, job.features, job.spec.seed)


class Video:
    """Trains on augmented persons of the training videos (`training.loop.Task`).

    conditions : boxes that tables show
    features : folder of the frozen encoder's features, or None to run the encoder
    """

    cards = "card.json"
    metric = "ap"
    columns = ("dev_ap", "val_ap")
    lower_is_better = False

    def __init__(
        self,
        model: ClipModel,
        data: Path,
        recipe: VideoRecipe,
        conditions: Sequence[Boxes],
        features: Path | None,
        seed: int = 0,
    ) -> None:
        self.recipe, self.clip, self.image, self.folder = recipe, model.frames, model.image, features
        self.early = model.early
        self.terms = tuple(recipe.terms)
        check_terms(model, self.terms, recipe.pairs)
        self.videos = videos = Videos(data, recipe.hold_out, seed)
        self.key = "pck" if videos.joints is JHMDB else "ap"
        shown = [boxes for boxes in conditions if videos.boxed(boxes.kind)]
        selecting = [SELECT_ON] if recipe.hold_out and recipe.epochs > 1 else []
        self.persons = {boxes: self._persons(boxes) for boxes in dict.fromkeys([*selecting, BEST_TEST_BY, *shown])}

    @cached_property
    def taught(self) -> Persons:
        """The persons to learn from; who only judges a network does without them."""
        return self._persons(replace(TAUGHT, neighbours=self.recipe.neighbours))

    @cached_property
    def source(self) -> Images | Features:
        """Their clips."""
        return self._source(self.taught, "train", self.recipe.neighbours == "copies")

    def epoch(self, seed: int, epoch: int) -> list[Tensor]:
        """Rows (B,) of each step."""
        return list(shuffled(len(self.source), self.recipe.batch, self.recipe.steps, seed, epoch))

    def loss(
        self, model: ClipModel, rows: Tensor, seed: int, step: int, part: slice = WHOLE
    ) -> tuple[Tensor, dict[str, float]]:
        """`training.video_losses.video_terms` of a part of a batch, times the recipe's weights."""
        inputs, places, present = self.source.training(rows[part].numpy(), seed, step)
        if self.recipe.pairs:
            inputs = paired(inputs, np.random.default_rng((seed, step)).integers(inputs.shape[1], size=len(rows))[part])
        device = of_device(model.parameters())
        truth = Truth(*(of.to(device) for of in self._truth(model.joints, places, present)))
        terms = video_terms(model, self.source.encoded(model, inputs.to(device)), truth, self.terms)
        total = sum(self.recipe.loss[name] * value for name, value in terms.items())
        return total, {name: value.item() for name, value in terms.items()}

    def _truth(self, channels: int, places: np.ndarray, present: np.ndarray) -> Truth:
        """What clips are to be answered with: joints (B, J, 2) and their presence (B, J), in a network's channels."""
        crops, joints = self.taught.crops, self.videos.joints
        targets = (*crops.targets(places, present), crops.fractions(places).astype(np.float32))
        return Truth(*(torch.from_numpy(in_channels(of, joints, channels)) for of in targets))

    def evaluate(self, model: ClipModel) -> Evaluation:
        """AP with true boxes, on the videos that select and on those that tables show; predictions for the latter."""
        answers = {boxes: self.predict(model, boxes) for boxes in self.persons}
        ap = {b: self.persons[b].score(*answers[b])[self.key] for b in (SELECT_ON, BEST_TEST_BY) if b in answers}
        predictions = {
            str(boxes): {JOINTS: torch.from_numpy(joints), SCORES: torch.from_numpy(scores)}
            for boxes, (joints, scores) in answers.items()
            if boxes != SELECT_ON
        }
        return Evaluation(ap.get(SELECT_ON), ap[BEST_TEST_BY], predictions)

    def describe(self, evaluation: Evaluation) -> str:
        """AP with true boxes."""
        chosen = "" if evaluation.val is None else f" {evaluation.val:.1f} to select by,"
        return f"AP{chosen} {evaluation.test:.1f} in tables"

    def frames(self) -> dict[str, int]:
        """Persons in each kind of boxes."""
        persons = {TAUGHT: self.taught, **self.persons}
        return {str(boxes): len(each.instances) for boxes, each in persons.items()}

    def predictions(self, trainer: Trainer) -> dict[str, np.ndarray]:
        """Joints (N, J, 2) in pixels and scores (N, J) by selection and boxes, persons as in `Persons.instances`."""
        return trainer.predictions()

    @torch.no_grad()
    def predict(self, model: ClipModel, boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
        """Joints (N, 15, 2) in image pixels and their scores (N, 15), float32, for all persons in these boxes."""
        model.eval()
        device = of_device(model.parameters())
        persons = self.persons[boxes]
        source = self._source(persons, str(seen_as(boxes)), boxes.copies)
        joints, scores = [np.zeros((0, 15, 2))], [np.zeros((0, 15))]
        for rows in chunks(len(source)):
            heatmaps = source.heatmaps(model, source.unchanged(rows).to(device), self.recipe.flip_test)
            places, maxima = persons.crops.located(rows, heatmaps.cpu().numpy())
            joints.append(places)
            scores.append(maxima)
        return np.concatenate(joints).astype(np.float32), np.concatenate(scores).astype(np.float32)

    def _persons(self, boxes: Boxes) -> Persons:
        return Persons(self.videos, boxes, self.recipe, self.image, self.clip, self.early)

    def _source(self, persons: Persons, name: str, copies: bool) -> Images | Features:
        """Where clips come from. `Images` take what stands for the neighbours from their persons."""
        return Images(persons) if self.folder is None else Features(self.folder, name, self.clip, copies)


def paired(clips: Tensor, others: np.ndarray) -> Tensor:
    """The middle frames of clips (B, T, ...), and beside each the one whose number is given (B,): (B, 2, ...)."""
    return torch.stack([clips[:, clips.shape[1] // 2], clips[torch.arange(len(clips)), torch.from_numpy(others)]], 1)


def take_pretrained(model: ClipModel, weights: Mapping[str, Tensor]) -> None:
    """Copy a pretrained encoder, and a ViTPose's deconvolutions where the model has the same, into `model`.

    Raises InputError where the encoders differ.
    """
    own = model.state_dict()
    encoder = {name for name in own if name.startswith("encoder.")}
    if missing := sorted(name for name in encoder if name not in weights or weights[name].shape != own[name].shape):
        raise InputError(f"the pretrained weights do not fit the model's encoder ({missing[0]}); pretrain it again")
    fitting = {name for name in own if name.startswith("deconvs.") and name in weights}
    fitting = {name for name in fitting if weights[name].shape == own[name].shape}
    model.load_state_dict(own | {name: weights[name] for name in encoder | fitting})
