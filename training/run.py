"""One run: train a variant by a recipe with a seed and leave weights, history, predictions and provenance behind."""

import csv
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import models
from datasets.lifting import load
from models import ssm
from studies.files import write_text, write_whole
from studies.variants import scan_arguments
from training.batches import seed_step
from training.checkpoints import save_arrays, save_weights
from training.evaluate import predict
from training.loop import SELECTIONS, Trainer
from training.provenance import provenance

WEIGHT_FILES = {"last": "weights.safetensors"} | {s: f"weights-{s}.safetensors" for s in SELECTIONS[1:]}


def train(spec: dict, data: Path, run: Path, state: Path, sources: Sequence[str | Path] = ()) -> None:
    """Train one run and write its results; a killed training goes on from its state.

    Parameters
    ----------
    spec : what to run (`studies.plan.Plan.spec`): variant, hyper, recipe, seed, backend, ...
    data : folder with the prepared splits train, val, test and perhaps new
    run : folder for `weights*.safetensors`, `history.csv`, `predictions.npz`, `run.json`, written at the end
    state : folder for what a killed training resumes from; no output of the workflow
    sources : files whose change makes an old state useless
    """
    started = time.monotonic()
    splits = {name: load(data / name) for name in ("train", "val", "test", "new") if (data / name).is_dir()}
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
    seed_step(spec["seed"], 0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"selective scan: {ssm.describe_backend(spec['backend'], device)}")
    model = build_model(spec).to(device)
    trainer = Trainer(model, splits, spec["recipe"], spec["seed"], state, fingerprint(spec, data, sources)).run()
    predictions = _predictions(trainer)
    for selection, name in WEIGHT_FILES.items():
        save_weights(run / name, trainer.best[selection]["weights"])
    write_whole(run / "history.csv", lambda path: _write_history(path, trainer.history))
    save_arrays(run / "predictions.npz", predictions)
    summary = _summary(spec, trainer, splits, time.monotonic() - started)
    write_text(run / "run.json", json.dumps(summary, indent=2) + "\n")


def build_model(spec: dict) -> torch.nn.Module:
    """The untrained model of a run."""
    return models.build(spec["variant"], **spec["hyper"], **scan_arguments(spec["variant"], spec["backend"]))


def fingerprint(spec: dict, data: Path, sources: Sequence[str | Path]) -> str:
    """Digest of all that decides a run's numbers: specification, source code, data."""
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode())
    for path in [*map(Path, sources), *sorted(data.glob("*/card.json"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _predictions(trainer: Trainer) -> dict[str, np.ndarray]:
    """Predictions (N, J, 3) by selection for the test split, and as `new_<selection>` for unseen bodies."""
    arrays = {selection: trainer.best[selection]["test"].numpy() for selection in SELECTIONS}
    for selection in SELECTIONS if "new" in trainer.splits else ():
        trainer.model.load_state_dict(trainer.best[selection]["weights"])
        arrays[f"new_{selection}"] = predict(trainer.model, trainer.splits["new"], trainer.recipe["flip_test"])
    return arrays


def _summary(spec: dict, trainer: Trainer, splits: dict, seconds: float) -> dict:
    selected = {s: {"epoch": trainer.best[s]["epoch"], "mpjpe": trainer.best[s]["error"]} for s in SELECTIONS}
    return {
        "spec": spec,
        "selected": selected,  # error in mm: P1 of the validation split for best_val, of the test split for the others
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "frames": {name: len(split.frames) for name, split in splits.items()},
        "steps": trainer.step,
        "seconds": {"training": round(trainer.seconds, 2), "whole": round(seconds, 2)},
        "backend": ssm.backend_in_use(spec["backend"], next(iter(trainer.model.state_dict().values())).device.type),
        **provenance(),
    }


def _write_history(path: Path, history: list[dict]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, history[-1], lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
