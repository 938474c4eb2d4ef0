"""Runs that fail among others that do not: a model that cannot be imported, one seed of two, a killed process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copy2
from subprocess import CompletedProcess
from typing import NamedTuple

import pandas as pd
import pytest
from checkout import BIN, Checkout

pytestmark = pytest.mark.slow

REPORT = "results/quick/synthetic"
RUNS = "results/runs/quick/synthetic-sh-like"
MODEL, TRAINING = "models/lifting/sasmamba.py", "training/lifting.py"
LOADING = "    splits = {name: load(job.data / name) for name in SPLITS if (job.data / name).is_dir()}\n"
BAD_DAYS = """    if (job.spec.variant, job.spec.seed) == ("mlp", 1):
        raise InputError("a bad seed")
    if job.spec.variant == "mean-pose":
        __import__("os").kill(__import__("os").getpid(), 9)
"""


class Failed(NamedTuple):
    """A copy after a run with failures, and what that said; its faults are mended when the tests end."""

    checkout: Checkout
    result: CompletedProcess
    cells: pd.DataFrame


def cells_of(checkout: Checkout) -> pd.DataFrame:
    path = checkout / f"{REPORT}/tables/mini-table1.csv"
    return pd.read_csv(path, keep_default_na=False).set_index(["row", "column"])


@pytest.fixture(scope="module")
def failed(measured_checkout: Callable[[], Checkout]) -> Iterator[Failed]:
    checkout = measured_checkout()
    checkout.configure(_two_seeds_in_one_job)
    kept = {path: copy2(checkout / path, checkout.folder.with_name(Path(path).name)) for path in (MODEL, TRAINING)}
    text = (checkout / TRAINING).read_text(encoding="utf-8")
    assert text.count(LOADING) == 1
    (checkout / TRAINING).write_text(text.replace(LOADING, BAD_DAYS + LOADING), encoding="utf-8")
    with (checkout / MODEL).open("a", encoding="utf-8") as file:
        file.write('\nraise RuntimeError("broken model")\n')
    # A page of an earlier run, which must not stay.
    (checkout / f"{REPORT}/site").mkdir(parents=True)
    (checkout / f"{REPORT}/site/index.html").write_text("of yesterday", encoding="utf-8")
    result = checkout.snakemake()
    yield Failed(checkout, result, cells_of(checkout))
    for path, copy in kept.items():
        copy2(copy, checkout / path)


def _two_seeds_in_one_job(config: dict) -> None:
    config |= {"seeds": [0, 1]}
    config["override"]["seeds_together"] = True
    config["timing"]["variants"] = ["mlp"]


def test_the_status_is_not_0_and_each_failure_is_a_line(failed: Failed) -> None:
    result = failed.result
    assert result.returncode != 0
    lines = [line for line in result.stdout.splitlines() if line.startswith("failed: ")]
    assert any("count sasmamba: RuntimeError: broken model (results/logs/count-sasmamba.log)" in line for line in lines)
    assert any("mlp baseline 1: a bad seed" in line for line in lines)
    assert sum("mean-pose baseline" in line and "it was killed" in line for line in lines) == 2
    assert not any("mlp baseline 0" in line or "posemamba" in line for line in lines)
    assert f"Look at {REPORT}/site/index.html" in result.stdout


def test_the_cells_of_what_failed_say_so(failed: Failed) -> None:
    for row, column in (("sasmamba", "params"), ("sasmamba", "p1"), ("mean-pose", "p1")):
        cell = failed.cells.loc[(row, column)]
        assert (cell["verdict"], cell["measured"]) == ("not run", "")
        assert cell["why"].startswith("failed: ")
        logs = cell["why"].partition("(log: ")[2].partition(")")[0].split(", ")
        assert all((failed.checkout / log).is_file() for log in logs)


def test_a_mean_is_of_the_seed_that_ended(failed: Failed) -> None:
    cell = failed.cells.loc[("mlp", "p1")]
    assert (float(cell["n"]), float(cell["seeds_failed"])) == (1, 1)
    assert float(cell["measured"]) > 0
    assert "seed 1: a bad seed" in cell["why"]
    table = (failed.checkout / f"{REPORT}/tables/mini-table1.md").read_text(encoding="utf-8")
    assert "(1 of 2 seeds)" in table


def test_everything_else_is_made(failed: Failed) -> None:
    assert float(failed.cells.loc[("posemamba", "p1"), "n"]) == 2
    assert float(failed.cells.loc[("mlp", "params"), "measured"]) > 0
    report = failed.checkout / REPORT
    page = (report / "site/index.html").read_text(encoding="utf-8")
    assert "broken model" in page
    assert "of yesterday" not in page
    for name in ("curves", "bubbles", "scans", "maps", "poses"):
        assert (report / f"figures/mini-{name}.svg").is_file()
    assert (report / "audit/audit.json").is_file()
    assert (report / "ro-crate-metadata.json").is_file()
    evidence = (failed.checkout / "results/efficiency/evidence.json").read_text(encoding="utf-8")
    assert "limb-order" in evidence  # of another model
    assert "released-graphs" in evidence


def test_mended_only_what_failed_and_the_report_are_made_again(failed: Failed) -> None:
    checkout = failed.checkout
    for path in (MODEL, TRAINING):
        copy2(checkout.folder.with_name(Path(path).name), checkout / path)
    before = checkout.times()
    result = checkout.snakemake()
    assert result.returncode == 0, result.stdout
    assert "failed" not in result.stdout
    after = cells_of(checkout)
    assert not after["why"].str.startswith("failed").any()
    assert (after.loc[(["mean-pose", "mlp", "posemamba", "sasmamba"], "p1"), "n"].astype(float) == 2).all()
    well = f"{RUNS}/posemamba-s-27/posemamba/seed0/run.json"
    assert checkout.times()[well] == before[well]
    assert "broken model" not in (checkout / f"{REPORT}/site/index.html").read_text(encoding="utf-8")
    assert "Nothing to be done" in checkout.snakemake().stdout


STARTING = "    if job.weights is not None:\n"
PRETRAINING = (
    STARTING,
    '    if job.spec.recipe_name == "pretraining":\n        raise InputError("no encoder")\n' + STARTING,
)
RENDERING = ("def prepare_video(", "def prepared_video(")


def test_networks_whose_pretraining_or_data_failed_say_so_and_the_others_go_on(
    measured_checkout: Callable[[], Checkout],
) -> None:
    """By hand, without a profile; the second time in a copy that was whole before."""
    checkout = measured_checkout()
    checkout.configure(lambda config: config.update(studies=["mini", "mini-video"]))
    checkout.configure(lambda config: config["timing"].update(variants=["mlp"]))
    with checkout.edited("training/video.py", *PRETRAINING):
        by_hand(checkout, "pretrain video-synthetic vitpose-b pretraining: no encoder")
    assert checkout.snakemake().returncode == 0
    assert "failed" not in videos(checkout)
    with checkout.edited("datasets/rendered/prepare.py", *RENDERING):
        by_hand(checkout, "render video-synthetic: ")


def by_hand(checkout: Checkout, said: str) -> None:
    """Run Snakemake as its users do; all networks on video say `said`, those that lift are there."""
    result = checkout.run(BIN / "snakemake", "--cores", "2")
    assert result.returncode != 0
    assert f"failed: {said}" in result.stdout
    table = videos(checkout)
    assert table.count("| failed") == 6
    assert f"failed: seed 0: {said}" in table
    assert float(cells_of(checkout).loc[("posemamba", "p1"), "n"]) == 1


def videos(checkout: Checkout) -> str:
    return (checkout / f"{REPORT}/tables/mini-video-table1.md").read_text(encoding="utf-8")
