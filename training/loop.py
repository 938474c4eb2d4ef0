"""The training loop: recipe in, best weights out; goes on from the last saved state.

It knows nothing of poses: what a batch, a loss and a score are, a `Task` says (training/lifting.py, training/video.py).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from base.errors import InputError
from studies.predictions import Predicted
from studies.recipes import Recipe
from training.batches import seed_step
from training.checkpoints import load_state, save_state
from training.finite import Diverged, gradient_fault, loss_fault, tensor_fault
from training.optimiser import Optimiser
from training.team import ALONE, Team, of_device

SECONDS_BETWEEN_SAVES = 30
SELECTIONS = ("last", "best_val", "best_test")
WHOLE = slice(None)
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Evaluation(NamedTuple):
    """What a task finds out about a model after an epoch.

    val, test : the number that selects epochs, on the data to select by (None where there is only one epoch to choose
        from, or nothing was held out) and on the data that tables show
    predictions : arrays to keep for the selected epochs, by what they answer for (a split, or boxes) and by name
    """

    val: float | None
    test: float
    predictions: dict[str, dict[str, Tensor]]


@dataclass(frozen=True)
class Kept:
    """What is left of an epoch that a rule selected: the number that it was selected by, weights and predictions."""

    score: float | None
    epoch: int
    weights: dict[str, Tensor]
    predictions: dict[str, dict[str, Tensor]]


class Task(Protocol):
    """What a model is trained for.

    cards : pattern of the files in a folder of data that stand for what is in it
    metric : name of the number in `Evaluation`
    columns : names of the validation and the test number in the history
    terms : names of the loss's terms
    """

    cards: str
    metric: str
    columns: tuple[str, str]
    terms: tuple[str, ...]
    lower_is_better: bool

    def epoch(self, seed: int, epoch: int) -> list[Tensor]:
        """Row numbers of the batch of each step."""

    def loss(
        self, model: nn.Module, rows: Tensor, seed: int, step: int, part: slice = WHOLE
    ) -> tuple[Tensor, dict[str, float]]:
        """Mean loss of a part of a batch, and each of its terms; all parts see the batch's random draws."""

    def evaluate(self, model: nn.Module) -> Evaluation:
        """Judge a model as it is."""

    def describe(self, evaluation: Evaluation) -> str:
        """An evaluation in words."""

    def frames(self) -> dict[str, int]:
        """How much data there is, by name."""

    def predictions(self, trainer: "Trainer") -> dict[str, np.ndarray]:
        """What `predictions.npz` keeps of a finished training (`studies.predictions`)."""


class Trainer:
    """Trains `model` in place; every epoch is evaluated.

    After `run`, `history` has a row an epoch and `best` what each selection rule kept: `last`,
    `best_val` (best on the data to select by, if there are any) and `best_test` (best on the data that tables show:
    what the papers report). A tie keeps the earlier epoch.

    Parameters
    ----------
    recipe : resolved recipe (studies/recipes.yaml at a scale)
    state_dir, fingerprint : where the state is kept and what it must belong to (`training.checkpoints.load_state`)
    report : called with one line of text after every epoch
    team : the processes that train together; one of them evaluates and writes
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        recipe: Recipe,
        seed: int,
        state_dir: Path,
        fingerprint: str,
        report: Callable[[str], None] = print,
        team: Team = ALONE,
    ) -> None:
        self.team = team
        self.model, self.task, self.recipe, self.seed = model, task, recipe, seed
        self.state_dir, self.fingerprint, self.report = state_dir, fingerprint, report
        self.step, self.seconds = 0, 0.0
        self.history: list[dict] = []
        self.losses: dict[str, float] = {}  # sums over the current epoch's steps
        self.best: dict[str, Kept] = {}

    def run(self) -> "Trainer":
        """Train to the end of the recipe, or until patience runs out; a model with nothing to train is evaluated.

        Raises Diverged at the first loss, gradient or weight that is NaN or infinite.
        """
        if not any(parameter.requires_grad for parameter in self.model.parameters()):
            self._end_epoch(1, 0.0)
            return self
        self.optimiser = Optimiser(self.model.parameters(), self.recipe)
        self._restore()
        while len(self.history) < self.recipe.epochs and not self._impatient():
            self._epoch(len(self.history) + 1)
        return self

    def predictions(self) -> dict[str, np.ndarray]:
        """The arrays that were kept, by the names that `predictions.npz` gives them."""
        return {
            Predicted(selection, judged).key(name): tensor.numpy()
            for selection, kept in self.best.items()
            for judged, arrays in kept.predictions.items()
            for name, tensor in arrays.items()
        }

    def _epoch(self, epoch: int) -> None:
        """The steps of one epoch that are still to do, then its evaluation."""
        batches = self.task.epoch(self.seed, epoch)
        self.steps = len(batches)  # of an epoch
        done = self.step - (epoch - 1) * self.steps
        saved = time.monotonic()
        for rows in batches[done:]:
            self._train_step(rows, self._learning_rate(epoch))
            if time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                self._save()
                saved = time.monotonic()
        self._end_epoch(epoch, self._learning_rate(epoch), self.steps)
        self._save()

    def _learning_rate(self, epoch: int) -> float:
        """Rate of the next step: as the papers let it fall epoch by epoch, or (schedule "linear") down to 0 at the end.

        A linear one rises from 0 in its first steps where the recipe has a warm-up.

        The papers': `decay` an epoch (PoseMamba, SasMamba), `milestone_decay` after each milestone (GLSMamba).
        """
        recipe = self.recipe
        if recipe.schedule == "linear":
            steps = recipe.epochs * self.steps
            risen = min(1.0, (self.step + 1) / (recipe.warmup * steps)) if recipe.warmup else 1.0
            return recipe.learning_rate * risen * (1 - self.step / steps)
        passed = sum(epoch > milestone for milestone in recipe.milestones)
        return recipe.learning_rate * recipe.decay ** (epoch - 1) * recipe.milestone_decay**passed

    def _train_step(self, rows: Tensor, learning_rate: float) -> None:
        started = time.monotonic()
        seed_step(self.seed, self.step, self.team.rank)
        self.model.train()
        terms = dict.fromkeys(("loss", *self.task.terms), 0.0)  # all of them, though this process may have no rows
        for part in self.team.parts(len(rows), self.recipe.accumulate):
            share = (part.stop - part.start) / len(rows)
            for name, value in self._backward(rows, part, share).items():
                terms[name] += share * value
        terms = self.team.sum_numbers(terms, self._device())  # the same in all processes, which stop together
        self._refuse(loss_fault(terms), learning_rate, self.step + 1)
        self.team.sum_gradients(self.model.parameters())
        gradients = (parameter.grad for parameter in self.model.parameters())
        self._refuse(gradient_fault(gradients), learning_rate, self.step + 1)
        self.optimiser.step(learning_rate)
        for name, value in terms.items():
            self.losses[name] = self.losses.get(name, 0.0) + value
        self.step += 1
        self.seconds += time.monotonic() - started

    def _backward(self, rows: Tensor, part: slice, share: float) -> dict[str, float]:
        """Add the gradients of a part of a batch; the loss and its terms."""
        precision = PRECISIONS[self.recipe.precision]
        mixed = precision is not torch.float32
        with torch.autocast(self._device().type, precision, enabled=mixed):
            loss, terms = self.task.loss(self.model, rows, self.seed, self.step, part)
        (share * loss).backward()
        return {"loss": loss.item(), **terms}

    def _refuse(self, fault: str, learning_rate: float, step: int) -> None:
        """Raise Diverged where there is a fault. Losses are read in every step, so that looking at them is free."""
        if not fault:
            return
        remedies = [f"lower the recipe's learning_rate ({learning_rate:.3g} here)", "leave out a term of its loss"]
        if not self.step:  # no step was taken, so that none was too long
            remedies = ["look at the data and at the weights that it starts from"]
        if self.recipe.precision != "float32":
            remedies.append("train in float32")
        raise Diverged(f"step {step}: {fault}; {', or '.join(remedies)}")

    def _device(self) -> torch.device:
        return of_device(self.model.parameters())

    def _end_epoch(self, epoch: int, rate: float, steps: int = 1) -> None:
        """Evaluate, extend the history, keep the best weights."""
        self._refuse(tensor_fault(self.model.state_dict()), rate, self.step)
        evaluation = self.task.evaluate(self.model) if self.team.leads else Evaluation(None, None, {})
        # The leader's numbers: all processes stop at the same epoch.
        val, test = self.team.from_leader([evaluation.val, evaluation.test], self._device())
        evaluation = evaluation._replace(val=val, test=test)
        means = {name: total / steps for name, total in self.losses.items()}
        row = {"epoch": epoch, "step": self.step, "learning_rate": rate} | means
        self.history.append(row | dict(zip(self.task.columns, (evaluation.val, evaluation.test), strict=True)))
        self.losses = {}
        self._keep("last", evaluation.test, epoch, evaluation)
        if evaluation.val is not None or self.recipe.epochs == 1:  # the only epoch is the best one
            self._keep("best_val", evaluation.val, epoch, evaluation)
        self._keep("best_test", evaluation.test, epoch, evaluation)
        left = self.seconds / epoch * (self.recipe.epochs - epoch)
        if self.team.leads:
            shown = self.task.describe(evaluation)
            self.report(f"epoch {epoch}/{self.recipe.epochs}  {shown}  about {left / 60:.0f} min of training left")

    def _keep(self, selection: str, score: float | None, epoch: int, evaluation: Evaluation) -> None:
        if selection == "last" or selection not in self.best or self._better(score, self.best[selection].score):
            weights = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}
            self.best[selection] = Kept(score, epoch, weights, evaluation.predictions)

    def _better(self, score: float, than: float) -> bool:
        return score < than if self.task.lower_is_better else score > than

    def _impatient(self) -> bool:
        """SasMamba's rule: more than `patience` epochs went by without a better test error."""
        patience = self.recipe.patience
        return bool(patience and self.history) and len(self.history) - self.best["best_test"].epoch > patience

    def _save(self) -> None:
        self._refuse(tensor_fault(self.model.state_dict()), self.recipe.learning_rate, self.step)
        if not self.team.leads:
            return
        state = {key: getattr(self, key) for key in ("fingerprint", "step", "seconds", "history", "losses")}
        state["best"] = {selection: vars(kept) for selection, kept in self.best.items()}
        state |= {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        save_state(self.state_dir, state)

    def _restore(self) -> None:
        state = load_state(self.state_dir, self.fingerprint)
        if state is None:
            return
        moments = [moment for moments in state["optimiser"]["moments"] for moment in moments]
        if fault := tensor_fault(state["model"] | {f"moment {i}": moment for i, moment in enumerate(moments)}):
            raise InputError(f"{self.state_dir / 'state.pt'}: {fault}; delete the file to start again")
        self.model.load_state_dict(state.pop("model"))
        self.optimiser.load_state_dict(state.pop("optimiser"))
        self.best = {selection: Kept(**kept) for selection, kept in state.pop("best").items()}
        for key, value in state.items():
            setattr(self, key, value)
        self.report(f"going on after step {self.step} ({len(self.history)} epochs done)")
