"""A run on small data: same seed, same bytes; killed and resumed, same bytes; a bad state refused."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from run_bytes import run_bytes
from safetensors.torch import load_file

import models
from base.errors import InputError
from datasets.lifting import load
from datasets.motion.prepare import prepare
from studies.data import Dataset
from studies.recipes import RunSpec, recipes
from studies.scales import Scale
from studies.variants import variant
from training.checkpoints import load_state
from training.job import Job
from training.lifting import Lifting
from training.run import train

TINY = Scale(
    "quick",
    depth=Fraction(1, 10),
    width=Fraction(1, 8),
    frames=Fraction(1, 27),
    epochs=2,
    steps=6,
    learning_rate=5,
    batch_frames=36,
    hold_out=True,
)


def spec_of(name: str, recipe: str, seed: int = 0, **changes: object) -> RunSpec:
    """A run specification as the plan makes it, at a tiny scale; changes: of that scale."""
    scale = replace(TINY, **changes)
    hyper = scale.hyper(variant(name))
    scaled = scale.lifting_recipe(recipe, recipes()[recipe], hyper["frames"])
    return RunSpec(scale.name, Dataset.parse("synthetic-gt"), name, recipe, seed, "auto", hyper, scaled)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "synthetic-gt"
    prepare("synthetic-gt", folder)
    return folder


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(Job(spec_of("posemamba-s", "posemamba"), data, folder / "run", folder / "state"))
    return folder / "run"


def test_same_seed_same_bytes_and_another_seed_other_bytes(data: Path, finished: Path, tmp_path: Path) -> None:
    train(Job(spec_of("posemamba-s", "posemamba"), data, tmp_path / "again", tmp_path / "state"))
    train(Job(spec_of("posemamba-s", "posemamba", seed=1), data, tmp_path / "other", tmp_path / "state-other"))
    assert run_bytes(tmp_path / "again") == run_bytes(finished)
    assert run_bytes(tmp_path / "other") != run_bytes(finished)


def test_two_threads_give_the_same_bytes_every_time(data: Path, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        for name in ("one", "other"):
            train(Job(spec_of("posemamba-s", "posemamba"), data, tmp_path / name, tmp_path / f"state-{name}"))
    finally:
        torch.set_num_threads(threads)
    assert run_bytes(tmp_path / "one") == run_bytes(tmp_path / "other")


def test_a_linear_schedule_comes_down_to_zero(data: Path, tmp_path: Path) -> None:
    spec = spec_of("mlp", "baseline", schedule="linear")
    train(Job(spec, data, tmp_path / "run", tmp_path / "state"))
    rates = pd.read_csv(tmp_path / "run" / "history.csv")["learning_rate"]  # of the step after each epoch
    assert list(rates) == [spec.recipe.learning_rate / 2, 0]


def test_a_warm_up_rises_before_the_rate_falls(data: Path, tmp_path: Path) -> None:
    spec = spec_of("mlp", "baseline", schedule="linear", warmup=1.0)
    train(Job(spec, data, tmp_path / "run", tmp_path / "state"))
    steps = pd.read_csv(tmp_path / "run" / "history.csv")["step"]
    rates = pd.read_csv(tmp_path / "run" / "history.csv")["learning_rate"]
    assert steps[0] == steps[1] / 2
    assert rates[0] == pytest.approx(spec.recipe.learning_rate * (0.5 + 1 / steps[1]) / 2)


def test_results_are_complete_and_consistent(data: Path, finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text())
    history = pd.read_csv(finished / "history.csv")
    assert list(history["epoch"]) == [1, 2]
    assert list(history["step"]) == [6, 12]
    assert record["selected"]["best_val"]["epoch"] == history["val_mpjpe"].idxmin() + 1
    assert record["selected"]["best_test"]["mpjpe"] == pytest.approx(history["test_mpjpe"].min())
    assert record["versions"]["torch"] == torch.__version__
    with np.load(finished / "predictions.npz") as predictions:
        assert sorted(predictions.files) == [
            f"{selection}/test/joints" for selection in ("best_test", "best_val", "last")
        ]
        assert predictions["last/test/joints"].shape == (record["frames"]["test"], 17, 3)
        assert np.isfinite(predictions["last/test/joints"]).all()
    model = models.build("posemamba-s", **record["spec"]["hyper"])
    model.load_state_dict(load_file(finished / "weights.safetensors"))


def test_mean_pose_is_fitted_in_closed_form(data: Path, tmp_path: Path) -> None:
    train(Job(spec_of("mean-pose", "baseline"), data, tmp_path / "run", tmp_path / "state"))
    with np.load(tmp_path / "run/predictions.npz") as predictions:
        assert (predictions["last/test/joints"] == predictions["last/test/joints"][0]).all()


CHILD = """
import json, sys
from pathlib import Path
import training.loop
from studies.recipes import RunSpec
from training.lifting import Lifting
from training.job import Job
from training.run import train
training.loop.SECONDS_BETWEEN_SAVES = 0  # save after every step
spec, data, run, state = RunSpec.from_json(json.loads(sys.argv[1])), *map(Path, sys.argv[2:])
train(Job(spec, data, run, state))
"""


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_same_bytes(data: Path, tmp_path: Path) -> None:
    spec = spec_of("sasmamba", "sasmamba", epochs=2, steps=30)
    written = [json.dumps(spec.as_json()), str(data)]
    arguments = [*written, str(tmp_path / "killed"), str(tmp_path / "state")]
    # All three in processes of their own: what other tests leave behind, a number of threads, changes rounding.
    subprocess.run(
        [sys.executable, "-c", CHILD, *written, str(tmp_path / "whole"), str(tmp_path / "other")], check=True
    )
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments])
    step = _wait_for_step(tmp_path / "state/state.pt", child)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert 0 < step < 60
    assert not (tmp_path / "killed").exists()
    subprocess.run([sys.executable, "-c", CHILD, *arguments], check=True)
    assert run_bytes(tmp_path / "killed") == run_bytes(tmp_path / "whole")


def _wait_for_step(path: Path, child: subprocess.Popen, enough: int = 35) -> int:
    """Wait until the saved state is in the middle of the second epoch; its step."""
    for _ in range(1200):
        assert child.poll() is None, "the training ended before it could be killed"
        step = torch.load(path, weights_only=True)["step"] if path.is_file() else 0
        if step > enough:
            return step
        time.sleep(0.05)
    raise AssertionError("no state was saved within a minute")


def test_state_of_other_code_is_ignored_and_garbage_is_refused(tmp_path: Path) -> None:
    torch.save({"fingerprint": "old", "step": 3}, tmp_path / "state.pt")
    assert load_state(tmp_path, "new") is None
    assert load_state(tmp_path, "old")["step"] == 3
    (tmp_path / "state.pt").write_bytes(b"not a torch file")
    with pytest.raises(InputError, match="the training state is damaged"):
        load_state(tmp_path, "old")


def test_predictions_of_a_full_disk_leave_nothing_behind(data: Path, tmp_path: Path, monkeypatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        train(Job(spec_of("mean-pose", "baseline"), data, tmp_path / "run", tmp_path / "state"))
    assert not (tmp_path / "run/run.json").exists()
    assert not list((tmp_path / "run").glob("*predictions*"))


def test_nothing_is_held_out_where_the_recipe_says_so(data: Path, tmp_path: Path) -> None:
    """As the papers train: on all training data, without a best epoch on validation."""
    spec = spec_of("posemamba-s", "posemamba")
    spec = replace(spec, recipe=replace(spec.recipe, hold_out=False))
    train(Job(spec, data, tmp_path / "run", tmp_path / "state"))
    record = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    assert set(record["selected"]) == {"last", "best_test"}
    assert not (tmp_path / "run/weights-best_val.safetensors").exists()
    history = pd.read_csv(tmp_path / "run/history.csv")
    assert history["val_mpjpe"].isna().all()
    splits = {name: load(data / name) for name in ("train", "val", "test")}
    model = models.build("posemamba-s", **spec.hyper)
    whole = Lifting(model, splits, spec.recipe).clips
    kept = Lifting(model, splits, replace(spec.recipe, hold_out=True)).clips
    assert len(whole.inputs) == len(kept.inputs) + len(splits["val"].frames)
    with pytest.raises(InputError, match="no split 'val' to select epochs by"):
        Lifting(model, {"train": splits["train"], "test": splits["test"]}, replace(spec.recipe, hold_out=True))
