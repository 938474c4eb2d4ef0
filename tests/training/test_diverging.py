"""A training stops at the first number that is NaN or infinite, and says which run, which step and what may help."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from base.errors import InputError
from datasets.motion.prepare import prepare
from studies.recipes import RunSpec
from tests.training.test_run import spec_of
from training.finite import Diverged
from training.job import Job
from training.lifting import Lifting
from training.loop import Trainer
from training.run import train

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = "posemamba-s on synthetic-gt, recipe posemamba, seed 0"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "synthetic-gt"
    prepare("synthetic-gt", folder)
    return folder


@pytest.fixture
def spec() -> RunSpec:
    return spec_of("posemamba-s", "posemamba")


def stopped(spec: RunSpec, data: Path, folder: Path) -> str:
    """What a training says that diverges; it leaves no results and no state to go on from."""
    with pytest.raises(Diverged) as error:
        train(Job(spec, data, folder / "run", folder / "state"))
    assert not (folder / "run").exists()
    assert not (folder / "state/state.pt").exists()
    return str(error.value)


def change_loss(monkeypatch: pytest.MonkeyPatch, change: Callable[[Tensor], Tensor], step: int) -> None:
    """Let `change` make another loss of the loss of one step (the first is 1)."""
    loss = Lifting.loss

    def changed(self: Lifting, model: object, rows: Tensor, seed: int, at: int, *part: slice) -> tuple:
        value, terms = loss(self, model, rows, seed, at, *part)
        return (change(value) if at == step - 1 else value), terms

    monkeypatch.setattr(Lifting, "loss", changed)


@pytest.mark.shared
def test_the_case_says_run_step_and_remedy(shared: Path, data: Path, tmp_path: Path) -> None:
    job = json.loads((shared / "cases/diverging-run/job.json").read_text(encoding="utf-8"))
    job |= {"data": str(data), "run": str(tmp_path / "run"), "state": str(tmp_path / "state")}
    (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
    command = [sys.executable, "-m", "training.launch", str(tmp_path / "job.json")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    line = result.stderr.strip()
    assert line.startswith("error: posemamba-s on synthetic-sh-like, recipe posemamba-mpjpe-scale, seed 0: step 2: ")
    assert "the loss is nan (mpjpe nan, n_mpjpe nan); lower the recipe's learning_rate (9.75e+05 here)" in line
    assert "\n" not in line


def test_an_infinite_gradient_of_a_finite_loss(spec: RunSpec, data: Path, tmp_path: Path, monkeypatch) -> None:
    change_loss(monkeypatch, lambda value: value + (value - value.detach()).abs().sqrt(), step=4)  # slope: 0 / 0
    said = stopped(spec, data, tmp_path)
    assert said.startswith(f"{RUN}: step 4: the norm of the gradient is nan while the loss is finite; lower")


def test_before_the_first_step_the_learning_rate_is_not_to_blame(
    spec: RunSpec, data: Path, tmp_path: Path, monkeypatch
):
    change_loss(monkeypatch, lambda value: value * torch.inf, step=1)
    said = stopped(spec, data, tmp_path)
    assert f"{RUN}: step 1: the loss is inf" in said
    assert said.endswith("; look at the data and at the weights that it starts from")


def test_mixed_precision_is_named_where_it_is_used(spec: RunSpec, data: Path, tmp_path: Path) -> None:
    recipe = replace(spec.recipe, precision="bfloat16", learning_rate=1e30)
    assert stopped(replace(spec, recipe=recipe), data, tmp_path).endswith("or train in float32")


def test_statistics_of_norms_are_looked_at_before_an_evaluation(data: Path, tmp_path: Path, monkeypatch) -> None:
    """The loss does not depend on them, what is predicted does."""
    spec = spec_of("gla-gcn", "equal", steps=3)
    end = Trainer._end_epoch

    def broken(self: Trainer, *arguments: object) -> None:
        next(b for name, b in self.model.named_buffers() if name.endswith("running_var"))[0] = torch.inf
        end(self, *arguments)

    monkeypatch.setattr(Trainer, "_end_epoch", broken)
    said = stopped(spec, data, tmp_path)
    assert ": step 3: " in said
    assert "running_var is NaN or infinite" in said


def test_predictions_that_are_none_name_the_run(spec: RunSpec, data: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("training.lifting.predict", lambda _m, split, _f: np.full((len(split.frames), 17, 3), np.nan))
    with pytest.raises(InputError, match=f"{RUN}: predictions are NaN or infinite"):
        train(Job(spec, data, tmp_path / "run", tmp_path / "state"))


@pytest.mark.parametrize("where", ["model", "optimiser"])
def test_a_state_with_nan_is_not_gone_on_from(spec: RunSpec, data: Path, tmp_path: Path, where: str) -> None:
    train(Job(spec, data, tmp_path / "run", tmp_path / "state"))
    path = tmp_path / "state/state.pt"
    state = torch.load(path, weights_only=True)
    tensors = state["model"].values() if where == "model" else state["optimiser"]["moments"][1]
    next(iter(tensors)).view(-1)[0] = torch.nan
    torch.save(state, path)
    with pytest.raises(InputError, match=r"state\.pt: .* is NaN or infinite; delete the file to start again"):
        train(Job(spec, data, tmp_path / "again", tmp_path / "state"))


def test_what_was_saved_before_stays_to_go_on_from(spec: RunSpec, data: Path, tmp_path: Path, monkeypatch) -> None:
    change_loss(monkeypatch, lambda value: value * torch.nan, step=8)  # in the second epoch
    with pytest.raises(Diverged, match="step 8: "):
        train(Job(spec, data, tmp_path / "run", tmp_path / "state"))
    assert torch.load(tmp_path / "state/state.pt", weights_only=True)["step"] == 6
