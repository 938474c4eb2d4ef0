"""Several processes, pieces of a batch and mixed precision: the same training as one process in one piece."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import models
from base.errors import InputError
from datasets.motion.prepare import prepare
from studies.recipes import RunSpec
from tests.training.test_run import spec_of
from training.job import Job
from training.launch import launch
from training.run import train
from training.team import Team


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "synthetic-gt"
    prepare("synthetic-gt", folder)
    return folder


def spec(**changes: object) -> RunSpec:
    # drop: random masks are those of a process
    whole = spec_of("posemamba-s", "posemamba", drop=0)
    return replace(whole, recipe=replace(whole.recipe, **changes))


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    train(Job(spec(), data, folder / "run", folder / "state"))
    return folder / "run"


def same(run: Path, other: Path, rtol: float) -> None:
    """Same learning curve and predictions, up to rounding."""
    one, two = (pd.read_csv(folder / "history.csv") for folder in (run, other))
    np.testing.assert_allclose(one.to_numpy(), two.to_numpy(), rtol=rtol)
    weights = load_file(other / "weights.safetensors")
    for name, tensor in load_file(run / "weights.safetensors").items():
        torch.testing.assert_close(tensor, weights[name], rtol=rtol, atol=1e-4, msg=lambda text, n=name: f"{n}: {text}")
    a, b = (np.load(folder / "predictions.npz") for folder in (run, other))
    last = [name for name in a.files if name.startswith("last")]
    for name in last:
        np.testing.assert_allclose(a[name], b[name], atol=1e-3)
    assert last


@pytest.mark.slow
def test_two_processes_are_as_one_with_the_same_batch(data: Path, alone: Path, tmp_path: Path) -> None:
    launch(Job(spec(), data, tmp_path / "run", tmp_path / "state"), processes=2)
    same(tmp_path / "run", alone, rtol=1e-3)
    record = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    assert record["processes"] == 2
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == sorted(p.name for p in alone.iterdir())


@pytest.mark.slow
def test_a_process_that_fails_is_told_in_one_line(data: Path, tmp_path: Path) -> None:
    job = Job(spec(loss={"nonsense": 1.0}), data, tmp_path / "run", tmp_path / "state")
    script = (
        "import sys; from training.launch import Job, launch; from base.errors import InputError\n"
        "try: launch(Job.from_json(sys.argv[1]), 2)\nexcept InputError as error: print('one line:', error)"
    )
    command = [sys.executable, "-c", script, job.to_json()]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"one line: {tmp_path}/run: one of 2 processes failed" in result.stdout
    assert "unknown loss term 'nonsense'" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("pieces", [2, 3])
def test_gradients_add_up_over_pieces(data: Path, alone: Path, tmp_path: Path, pieces: int) -> None:
    train(Job(spec(accumulate=pieces), data, tmp_path / "run", tmp_path / "state"))
    same(tmp_path / "run", alone, rtol=1e-3)


def test_mixed_precision_trains_about_as_well(data: Path, alone: Path, tmp_path: Path) -> None:
    train(Job(spec(precision="bfloat16"), data, tmp_path / "run", tmp_path / "state"))
    one, two = (pd.read_csv(folder / "history.csv")["val_mpjpe"].iloc[-1] for folder in (tmp_path / "run", alone))
    assert one != two  # something was rounded
    assert one == pytest.approx(two, rel=0.1)
    assert all(tensor.dtype == torch.float32 for tensor in load_file(tmp_path / "run/weights.safetensors").values())


def test_a_network_in_mixed_precision_scans_in_full() -> None:
    model = models.build("sasmamba-27-xy", depth=1, width=16)
    clip = torch.randn(1, 27, 17, model.in_channels)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(clip)
    torch.testing.assert_close(mixed.float(), model(clip), rtol=0.1, atol=0.1)


@pytest.mark.parametrize(("count", "size", "accumulate"), [(4, 2, 1), (5, 2, 2), (1, 3, 2), (16, 4, 3)])
def test_shares_cover_a_batch_once(count: int, size: int, accumulate: int) -> None:
    rows = [
        row for rank in range(size) for part in Team(rank, size).parts(count, accumulate) for row in range(count)[part]
    ]
    assert rows == list(range(count))


def test_official_weights_are_judged_as_they_are(data: Path, tmp_path: Path) -> None:
    from models.lifting.official import official_weights

    found = spec_of("posemamba-s", "official")
    model = models.build("posemamba-s", **found.hyper)
    state = model.state_dict()
    theirs = {f"module.{key}": tensor for key, tensor in official_weights(model).items()}
    path = tmp_path / "official.bin"
    torch.save({"model_pos": theirs, "epoch": 3}, path)
    train(Job(found, data, tmp_path / "run", tmp_path / "state", official=path))
    kept = load_file(tmp_path / "run/weights.safetensors")
    assert all(torch.equal(kept[name], tensor) for name, tensor in state.items())
    record = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    assert record["steps"] == 0
    assert "official.bin" in " ".join(record["inputs"]["data"])
    torch.save({"model_pos": {**theirs, "module.head.1.bias": torch.zeros(5)}}, path)
    with pytest.raises(InputError, match=r"head\.1\.bias is \(5,\)"):
        train(Job(found, data, tmp_path / "again", tmp_path / "state", official=path))
