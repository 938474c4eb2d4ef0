"""One run: train a model for a task with a seed and leave weights, history, predictions and provenance behind."""

import csv
import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

import models
from base.errors import InputError
from base.files import write_text, write_whole
from models import ssm
from studies.recipes import RunSpec
from training.batches import seed_step
from training.checkpoints import save_arrays, save_weights
from training.loop import SELECTIONS, Task, Trainer
from training.provenance import provenance
from training.team import ALONE, Team

WEIGHT_FILES = {"last": "weights.safetensors"} | {s: f"weights-{s}.safetensors" for s in SELECTIONS[1:]}


def start(spec: RunSpec) -> torch.nn.Module:
    """The untrained model of a run, with every random number that follows settled by its seed."""
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms, without loading torch.compile
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
    seed_step(spec.seed, 0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"selective scan: {ssm.describe_backend(spec.backend, device)}")
    return build_model(spec).to(device)


def train(
    spec: RunSpec, model: torch.nn.Module, task: Task, state: Path, fingerprint: str, team: Team = ALONE
) -> Trainer:
    """Train to the end; a killed training goes on from its state in the folder `state`.

    Raises InputError naming the run, and what it says of its step, where a number is NaN or infinite.
    """
    try:
        return Trainer(model, task, spec.recipe, spec.seed, state, fingerprint, team=team).run()
    except InputError as error:
        raise type(error)(f"{spec}: {error}") from None


def write_run(
    run: Path,
    spec: RunSpec,
    trainer: Trainer,
    predictions: dict[str, np.ndarray],
    frames: dict[str, int],
    inputs: dict[str, dict[str, str]],
    began: float,
) -> None:
    """Write `weights*.safetensors`, `history.csv`, `predictions.npz`, `run.json` into the folder `run`.

    frames : how much data each split had; inputs : of `digests`; began : `time.monotonic()` when the run started
    """
    for selection, kept in trainer.best.items():
        save_weights(run / WEIGHT_FILES[selection], kept["weights"])
    write_whole(run / "history.csv", lambda path: _write_history(path, trainer.history))
    save_arrays(run / "predictions.npz", predictions)
    summary = _summary(spec, trainer, frames, time.monotonic() - began) | {"inputs": inputs}
    write_text(run / "run.json", json.dumps(summary, indent=2) + "\n")


def build_model(spec: RunSpec) -> torch.nn.Module:
    """The untrained model of a run."""
    return models.build(spec.variant, **spec.hyper, **models.scan_arguments(spec.variant, spec.backend))


def digests(files: Iterable[Path], sources: Sequence[str | Path]) -> dict[str, dict[str, str]]:
    """What decides a run's numbers besides its specification, as digests by name: `sources` and `data`.

    files : those that stand for the data (a split's card, weights to start from); sources : the source closure
    """
    return {
        "sources": {str(path): _digest(Path(path)) for path in sources},
        "data": {"/".join(path.parts[-3:]): _digest(path) for path in sorted(files)},
    }


def fingerprint(spec: RunSpec, inputs: dict[str, dict[str, str]]) -> str:
    """One digest of the specification and of `digests`: an old training state of another one is useless."""
    return hashlib.sha256(json.dumps([spec.as_json(), inputs], sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _summary(spec: RunSpec, trainer: Trainer, frames: dict[str, int], seconds: float) -> dict:
    metric = trainer.task.metric
    selected = {s: {"epoch": kept["epoch"], metric: kept["score"]} for s, kept in trainer.best.items()}
    return {
        "spec": spec.as_json(),
        "selected": selected,  # of the split to select by for best_val, of the split that tables show for the others
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "frames": frames,
        "steps": trainer.step,
        "processes": trainer.team.size,
        "seconds": {"training": round(trainer.seconds, 2), "whole": round(seconds, 2)},
        "backend": ssm.backend_in_use(spec.backend, next(iter(trainer.model.state_dict().values())).device.type),
        **provenance(),
    }


def _write_history(path: Path, history: list[dict]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, history[-1], lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
