"""The training loop: recipe in, best weights out; goes on from the last saved state."""

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor, nn

from training.batches import ClipSet, seed_step, step_generator
from training.checkpoints import load_state, save_state
from training.evaluate import predict, validation_error
from training.losses import weighted_loss

SECONDS_BETWEEN_SAVES = 30
SELECTIONS = ("last", "best_val", "best_test")


class Trainer:
    """Trains `model` in place on `splits["train"]`; every epoch is evaluated on validation and test.

    After `run`, `history` has a dict an epoch and `best` maps each selection rule to {"error" mm, "epoch", "weights",
    "test"}, the last being its predictions for the test split:
    `last`, `best_val` (lowest validation P1) and `best_test` (lowest test P1: what the papers report). A tie keeps the
    earlier epoch.

    Parameters
    ----------
    recipe : resolved recipe (studies/recipes.yaml at a scale)
    state_dir, fingerprint : where the state is kept and what it must belong to (`training.checkpoints.load_state`)
    report : called with one line of text after every epoch
    """

    def __init__(
        self,
        model: nn.Module,
        splits: dict,
        recipe: dict,
        seed: int,
        state_dir: Path,
        fingerprint: str,
        report: Callable[[str], None] = print,
    ) -> None:
        self.model, self.splits, self.recipe, self.seed = model, splits, recipe, seed
        self.state_dir, self.fingerprint, self.report = state_dir, fingerprint, report
        self.step, self.seconds = 0, 0.0
        self.history: list[dict] = []
        self.losses: dict[str, float] = {}  # sums over the current epoch's steps
        self.best: dict[str, dict] = {}

    def run(self) -> "Trainer":
        """Train to the end of the recipe, or until patience runs out."""
        clips = ClipSet.of(
            self.splits["train"], self.model.frames, Fraction(self.recipe["stride"]), self.model.in_channels
        )
        if hasattr(self.model, "fit"):  # closed form, no gradient: the mean pose
            self.model.fit(clips.labels)
            self._end_epoch(1, 0.0)
            return self
        self.optimiser = make_optimiser(self.model, self.recipe)
        self._restore()
        while len(self.history) < self.recipe["epochs"] and not self._impatient():
            self._epoch(clips, len(self.history) + 1)
        return self

    def _epoch(self, clips: ClipSet, epoch: int) -> None:
        """The steps of one epoch that are still to do, then its evaluation."""
        batches = list(clips.epoch(self.recipe["batch"], self.recipe["steps"], self.seed, epoch))
        done = self.step - (epoch - 1) * len(batches)
        saved = time.monotonic()
        for rows in batches[done:]:
            for group in self.optimiser.param_groups:
                group["lr"] = self._learning_rate(epoch)
            self._train_step(clips, rows)
            if time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                self._save()
                saved = time.monotonic()
        self._end_epoch(epoch, self._learning_rate(epoch), len(batches))
        self._save()

    def _learning_rate(self, epoch: int) -> float:
        """Rate of the next step: `decay` an epoch as the papers do, or (schedule "linear") down to 0 at the end."""
        if self.recipe["schedule"] == "linear":
            return self.recipe["learning_rate"] * (1 - self.step / (self.recipe["epochs"] * self.recipe["steps"]))
        return self.recipe["learning_rate"] * self.recipe["decay"] ** (epoch - 1)

    def _train_step(self, clips: ClipSet, rows: torch.Tensor) -> None:
        started = time.monotonic()
        device = next(self.model.parameters()).device
        seed_step(self.seed, self.step)
        inputs, labels = clips.batch(rows, self.recipe["flip"], step_generator(self.seed, self.step))
        self.model.train()
        loss, terms = weighted_loss(self.model(inputs.to(device)), labels.to(device), self.recipe["loss"])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        for name, value in {"loss": loss.item(), **terms}.items():
            self.losses[name] = self.losses.get(name, 0.0) + value
        self.step += 1
        self.seconds += time.monotonic() - started

    def _end_epoch(self, epoch: int, rate: float, steps: int = 1) -> None:
        """Evaluate, extend the history, keep the best weights."""
        predictions = {
            name: predict(self.model, self.splits[name], self.recipe["flip_test"]) for name in ("val", "test")
        }
        errors = {name: validation_error(poses, self.splits[name]) for name, poses in predictions.items()}
        means = {name: total / steps for name, total in self.losses.items()}
        row = {"epoch": epoch, "step": self.step, "learning_rate": rate}
        self.history.append(row | means | {f"{name}_mpjpe": error for name, error in errors.items()})
        self.losses = {}
        poses = torch.from_numpy(predictions["test"])
        self._keep("last", errors["test"], epoch, poses, always=True)
        self._keep("best_val", errors["val"], epoch, poses)
        self._keep("best_test", errors["test"], epoch, poses)
        left = self.seconds / epoch * (self.recipe["epochs"] - epoch)
        self.report(
            f"epoch {epoch}/{self.recipe['epochs']}  P1 validation {errors['val']:.1f} mm, test {errors['test']:.1f} mm"
            f"  about {left / 60:.0f} min of training left"
        )

    def _keep(self, selection: str, error: float, epoch: int, poses: Tensor, always: bool = False) -> None:
        if always or selection not in self.best or error < self.best[selection]["error"]:
            weights = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}
            self.best[selection] = {"error": error, "epoch": epoch, "weights": weights, "test": poses}

    def _impatient(self) -> bool:
        """SasMamba's rule: more than `patience` epochs went by without a better test error."""
        patience = self.recipe["patience"]
        return bool(patience and self.history) and len(self.history) - self.best["best_test"]["epoch"] > patience

    def _save(self) -> None:
        state = {key: getattr(self, key) for key in ("fingerprint", "step", "seconds", "history", "losses", "best")}
        save_state(
            self.state_dir,
            state | {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()},
        )

    def _restore(self) -> None:
        state = load_state(self.state_dir, self.fingerprint)
        if state is None:
            return
        self.model.load_state_dict(state.pop("model"))
        self.optimiser.load_state_dict(state.pop("optimiser"))
        for key, value in state.items():
            setattr(self, key, value)
        self.report(f"going on after step {self.step} ({len(self.history)} epochs done)")


def make_optimiser(model: nn.Module, recipe: dict) -> torch.optim.Optimizer:
    """AdamW (PoseMamba, SasMamba on Human3.6M) or Adam with amsgrad (MPI-INF-3DHP); one group, everything decays."""
    settings = {"lr": recipe["learning_rate"], "weight_decay": recipe["weight_decay"], "fused": True}
    if recipe["optimiser"] == "adam-amsgrad":
        return torch.optim.Adam(model.parameters(), amsgrad=True, **settings)
    return torch.optim.AdamW(model.parameters(), **settings)
