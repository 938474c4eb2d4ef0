"""Records from end to end: `make record` keeps what is missing, and trains the same again; `make verify` checks."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from checkout import TINY, Checkout, only_error
from faults import FLIP_AVERAGING, JOINT_ORDER, SCAN_ORDER

from studies.records import TOLERANCES

pytestmark = pytest.mark.slow

CHOICES = ("scale=small", "motion=synthetic", "variants=mlp", "override={epochs: 2, steps: 20}")
DATA = Path("records/small/synthetic-sh-like")
FOLDER = DATA / "mlp/baseline"
TOLD = "results/records/evaluated/synthetic-sh-like.csv"

SCANS = f"{DATA}/posemamba-s-27/posemamba/seed0"
EVALUATE = f"""
from pathlib import Path
from studies.records import Record
from workflow.measuring.records import evaluate_records
evaluate_records([Record.in_folder("{SCANS}")], Path("data/prepared/synthetic-sh-like"), Path("told.csv"))
"""


@pytest.fixture(scope="module")
def recorded(new_checkout: Callable[[], Checkout]) -> Checkout:
    """A copy with records of one network and no others."""
    checkout = new_checkout()
    checkout.configure(lambda config: config.update(override={}))
    result = checkout.make("record", "seeds=0,1", *CHOICES)
    assert result.returncode == 0, result.stdout
    return checkout


def test_each_seed_is_kept_and_nothing_is_recorded_twice(recorded: Checkout) -> None:
    seeds = sorted(path.name for path in (recorded / FOLDER).iterdir())
    assert seeds == ["seed0", "seed1"]
    before = recorded.times()
    assert recorded.make("record", "seeds=0,1", *CHOICES).returncode == 0
    shutil.rmtree(recorded / "results/runs")  # records do not need the runs that they were
    assert recorded.make("record", "seeds=0,1", *CHOICES).returncode == 0
    assert {path: time for path, time in before.items() if "/runs/" not in path}.items() <= recorded.times().items()


def test_a_deleted_record_is_trained_again_to_the_same_bytes(recorded: Checkout) -> None:
    files = ("weights.safetensors", "history.csv", "scores.csv", "groups.csv", "resamples.npz")
    before = {name: (recorded / FOLDER / "seed1" / name).read_bytes() for name in files}
    shutil.rmtree(recorded / FOLDER / "seed1")
    shutil.rmtree(recorded / "results/runs", ignore_errors=True)
    assert recorded.make("record", "seeds=0,1", *CHOICES).returncode == 0
    # Arrays are compared by what they hold: archives carry the time at which they were written.
    after = {name: (recorded / FOLDER / "seed1" / name).read_bytes() for name in files}
    assert {name for name in files if before[name] != after[name]} <= {"resamples.npz"}


def test_verify_evaluates_them_and_says_which_are_not_what_would_be_trained_today(recorded: Checkout) -> None:
    """These were trained for fewer steps than scale small says."""
    result = recorded.make("verify")
    assert only_error(result).startswith("error: records changed")
    for seed in (0, 1):
        assert f"{FOLDER}/seed{seed}: stale: it was trained by another recipe" in result.stdout
    told = pd.read_csv(recorded / TOLD)
    assert len(told) == 4
    assert (told["here"] - told["recorded"]).abs().max() < 1e-3


def test_tables_and_pages_show_records_beside_what_was_trained_here(measured_checkout: Callable[[], Checkout]) -> None:
    """With records of a scale small that has few steps."""
    checkout, told = measured_checkout(), "2 records: 2 evaluated here, 2 with the recorded result"
    with checkout.edited("studies/scales.yaml", "  epochs: 8\n  steps: 1000\n", "  epochs: 2\n  steps: 20\n"):
        checkout.configure(lambda config: config.update(override={}))
        result = checkout.make("record", "seeds=0", "scale=small", "motion=synthetic", "variants=mean-pose,mlp")
        assert result.returncode == 0, result.stdout
        shown = TINY | {"records": {"scale": "small", "motion": "synthetic"}}
        checkout.configure(lambda config: config.update(override=shown, variants=["mean-pose", "mlp"]))
        result = checkout.make()
    assert result.returncode == 0, result.stdout
    assert told in result.stdout
    report = checkout / "results/quick/synthetic"
    cells = pd.read_csv(report / "cells.csv", keep_default_na=False).set_index(["row", "column"])
    cell = cells.loc["mlp", "p1"]
    assert (cell["scale"], cell["record"], cell["runs"]) == ("small", "evaluated", f"{FOLDER}/seed0")
    assert cell["here_runs"] == "results/runs/quick/synthetic-sh-like/mlp/baseline/seed0"
    assert cells.loc["posemamba", "p1"]["missing"] == "not recorded"
    assert (report / "site/records/synthetic-sh-like.mlp.baseline.html").is_file()
    for file, words in {
        "site/index.html": told,
        "site/data/poses.js": 'MLP, recipe baseline","page":"records/synthetic-sh-like.mlp.baseline.html#seed0"',
        "figures/mini-curves.svg": "no variant of table1 was trained",
    }.items():
        assert words in (report / file).read_text(encoding="utf-8")


def test_run_json_says_what_the_training_computed(recorded: Checkout) -> None:
    written = json.loads((recorded / FOLDER / "seed0/run.json").read_text())
    assert {"loss", "optimiser's step", "network's output", "data"} <= set(written["computes"])
    assert written["selected"].keys() == {"last"}


@pytest.fixture(scope="module")
def with_scans(recorded: Checkout) -> Checkout:
    """The copy with a record of a network that scans besides."""
    shorter = ("variants=posemamba-s-27", "override={epochs: 1, steps: 300, frames: 1}")
    result = recorded.make("record", "seeds=0", "scale=small", *shorter)
    assert result.returncode == 0, result.stdout
    return recorded


@pytest.mark.parametrize("fault", [SCAN_ORDER, JOINT_ORDER, FLIP_AVERAGING], ids=["scan", "joints", "flip"])
def test_a_fault_moves_the_errors_of_records(with_scans: Checkout, fault: tuple[str, str, str]) -> None:
    with with_scans.edited(*fault):
        assert with_scans.python("-c", EVALUATE).returncode == 0
    told = pd.read_csv(with_scans / "told.csv")
    assert set(told["folder"]) == {SCANS}
    assert (told["here"] - told["recorded"]).abs().max() > TOLERANCES[
        "mpjpe"
    ]  # more by far where it trained for longer


FILMED = ("scale=small", "studies=mini-video", "variants=glsmamba-b", "seeds=0")
FEW_STEPS = "override={video: {epochs: 1, steps: 3, batch: 2, draws: 1, pretraining: {steps: 3, batch: 2}}}"
FEW_VIDEOS = ('"synthetic", 160, 32, 5, 0, SHORT', '"synthetic", 8, 8, 1, 1, Format((96, 72), 5)')
HEAD, ENCODER = (
    f"video-synthetic/{name}/seed0" for name in ("glsmamba-b/glsmamba", "vitpose-b/pretraining")
)  # below the scale


def test_an_encoder_is_kept_once_and_read_from_its_record(new_checkout: Callable[[], Checkout]) -> None:
    checkout = new_checkout()
    checkout.configure(lambda config: config.update(override={}))
    with checkout.edited("datasets/rendered/prepare.py", *FEW_VIDEOS):
        result = checkout.make("record", *FILMED, FEW_STEPS)
        assert result.returncode == 0, result.stdout
        record = checkout / "records/small" / HEAD
        before = (record / "weights.safetensors").read_bytes()
        for folder in (record, checkout / "results"):
            shutil.rmtree(folder)
        result = checkout.make("record", *FILMED, FEW_STEPS)
        assert result.returncode == 0, result.stdout
    assert (record / "weights.safetensors").read_bytes() == before
    assert not (checkout / "results/runs/small" / ENCODER).exists()
