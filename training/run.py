"""One run from beginning to end: `train` tells it in the order in which it happens."""

import csv
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

import models
from base.errors import InputError
from base.files import write_arrays, write_text, write_whole
from base.foreign import data_files
from models import ssm
from models.contract import PoseModel
from studies.predictions import FILE
from studies.recipes import RunSpec
from training.batches import seed_step
from training.checkpoints import save_weights
from training.job import Job
from training.loop import SELECTIONS, Task, Trainer
from training.provenance import provenance
from training.team import ALONE, Team, of_device

WEIGHT_FILES = {"last": "weights.safetensors"} | {s: f"weights-{s}.safetensors" for s in SELECTIONS[1:]}


def train(job: Job, team: Team = ALONE) -> None:
    """Train a run and write its results; a killed training goes on from its state.

    team : the processes that train together; one of them evaluates and writes
    Raises InputError that names the run and its step where a number is NaN or infinite.
    """
    began = time.monotonic()
    spec, device = job.spec, "cuda" if torch.cuda.is_available() else "cpu"
    make_deterministic(spec.seed)
    print(f"selective scan: {ssm.describe_backend(spec.backend, device)}")
    model = build_model(spec).to(device)
    task = make_task(job, model)
    inputs = Inputs.of([*data_files(job.data, task.cards), *job.starts], job.sources)
    trainer = Trainer(model, task, spec.recipe, spec.seed, job.state, inputs.fingerprint(spec), team=team)
    try:
        trainer.run()
    except InputError as error:
        raise type(error)(f"{spec}: {error}") from None
    if team.leads:
        write_run(job, trainer, inputs, began)


def make_deterministic(seed: int) -> None:
    """Let PyTorch refuse what is not deterministic, and start its random numbers from a run's seed."""
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms, without loading torch.compile
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
    seed_step(seed, 0)


def build_model(spec: RunSpec) -> PoseModel:
    """The untrained model of a run."""
    return models.build(spec.variant, **spec.hyper, **models.scan_arguments(spec.variant, spec.backend))


def trained_model(spec: RunSpec, weights: Mapping[str, Tensor]) -> PoseModel:
    """The model of a run with weights of any precision. Raises InputError for those of another network."""
    model = build_model(spec)
    try:
        model.load_state_dict(weights)  # copies, and so makes them float32 again
    except RuntimeError:
        raise InputError("its weights are not those of the network") from None
    return model


def make_task(job: Job, model: PoseModel) -> Task:
    """The task of the network's kind (training/lifting.py, training/video.py), with its data and weights loaded."""
    # Imported by its name: an edit of one kind's task concerns no training of the other kind.
    return import_module(f"training.{model.kind}").make_task(job, model)


@dataclass(frozen=True)
class Inputs:
    """What decides a run's numbers besides its specification, as digests by name."""

    sources: dict[str, str]
    data: dict[str, str]

    @classmethod
    def of(cls, files: Iterable[Path], sources: Iterable[str]) -> "Inputs":
        """files : those that stand for the data (cards, weights to start from); sources : the source closure."""
        data = {"/".join(path.parts[-3:]): _digest(path) for path in sorted(files)}
        return cls({str(path): _digest(Path(path)) for path in sources}, data)

    def fingerprint(self, spec: RunSpec) -> str:
        """One digest of them and of the specification; a training state with another fingerprint is not resumed."""
        return hashlib.sha256(json.dumps([spec.as_json(), vars(self)], sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def write_run(job: Job, trainer: Trainer, inputs: Inputs, began: float) -> None:
    """Write `weights*.safetensors`, `history.csv`, `predictions.npz` and, last, `run.json` into the run's folder.

    began : `time.monotonic()` when the run started
    """
    for selection, kept in trainer.best.items():
        save_weights(job.run / WEIGHT_FILES[selection], kept.weights)
    write_whole(job.run / "history.csv", lambda path: _write_history(path, trainer.history))
    write_arrays(job.run / FILE, trainer.task.predictions(trainer))
    summary = _summary(job.spec, trainer, inputs, time.monotonic() - began)
    write_text(job.run / "run.json", json.dumps(summary, indent=2) + "\n")


def _summary(spec: RunSpec, trainer: Trainer, inputs: Inputs, seconds: float) -> dict:
    metric, device = trainer.task.metric, of_device(trainer.model.state_dict().values())
    return {
        "spec": spec.as_json(),
        # The score is of the split to select by for best_val, of the split that tables show for the others.
        "selected": {s: {"epoch": kept.epoch, metric: kept.score} for s, kept in trainer.best.items()},
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "frames": trainer.task.frames(),
        "steps": trainer.step,
        "processes": trainer.team.size,
        "seconds": {"training": round(trainer.seconds, 2), "whole": round(seconds, 2)},
        "backend": ssm.backend_in_use(spec.backend, device.type),
        **provenance(),
        "inputs": vars(inputs),
    }


def _write_history(path: Path, history: list[dict]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, history[-1], lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
