"""Scale paper, from the official and preprocessed files of miniature data sets to tables."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.checkout import Checkout, only_error

pytestmark = [pytest.mark.slow, pytest.mark.shared]
CHOICES = ["--config", "scale=paper", "studies=mini-paper"]


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Checkout:
    """A finished run over the miniature sets, an epoch of two steps each."""
    checkout = Checkout(tmp_path_factory.mktemp("paper") / "copy")
    checkout.configure(lambda config: config["scales"]["paper"].update(epochs=2, steps=2))
    raw = checkout / "data/raw"
    (raw / "human36m").mkdir(parents=True)
    shutil.copy(next(shared.rglob("h36m_sh_conf_cam_source_final.pkl")), raw / "human36m")
    shutil.copytree(shared / "fixtures/synthetic/mpi_inf_3dhp/original", raw / "mpi-inf-3dhp")
    result = checkout.snakemake("tables", *CHOICES)
    assert result.returncode == 0, result.stdout
    return checkout


def cells(checkout: Checkout, table: str) -> pd.DataFrame:
    return pd.read_csv(checkout / f"results/paper/human36m/tables/mini-paper-{table}.csv").set_index(["row", "column"])


def test_tables_have_numbers_that_do_not_pose_as_the_papers(paper: Checkout) -> None:
    human, other = cells(paper, "human36m"), cells(paper, "3dhp")
    assert human.loc["posemamba", "measured"].between(10, 2000).all()
    assert human.loc[("posemamba", "p1"), "convention"] == "human36m/test/best_test"
    assert human.loc[("posemamba", "p1"), "dataset"] == "human36m-sh"
    assert human.loc[("posemamba", "p1"), "why"] == (
        "scale paper, but with 400 train frames of 1,559,752, 600 test frames of 566,920, 2 of 120 epochs, epochs of "
        "2 steps"
    )
    assert (human["verdict"] == "not comparable").all()
    assert other.loc[("posemamba", "p1"), "dataset"] == "mpi-inf-3dhp-gt"
    assert "53 test frames of 2,929" in other.loc[("posemamba", "p1"), "why"]
    assert other["verdict"].tolist() == ["not comparable"] * 3  # the baselines too
    assert cells(paper, "ours").loc[("posemamba", "p1"), "why"].startswith("no data of the papers")


def test_runs_train_the_papers_nets_on_all_training_data(paper: Checkout) -> None:
    run = paper / "results/runs/paper/human36m-sh/posemamba-s-27/posemamba/seed0"
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["spec"]["hyper"]["frames"] == 27
    assert record["spec"]["recipe"]["hold_out"] is False
    assert set(record["selected"]) == {"last", "best_test"}
    assert not (run / "weights-best_val.safetensors").exists()


def test_nothing_is_left_to_do(paper: Checkout) -> None:
    result = paper.snakemake("tables", *CHOICES)
    assert "Nothing to be done" in result.stdout, result.stdout


def test_without_the_files_one_line_says_which(paper: Checkout, tmp_path: Path) -> None:
    raw = paper / "data/raw/human36m"
    raw.rename(tmp_path / "away")
    shutil.rmtree(paper / "data/prepared/human36m-gt")
    try:
        result = paper.snakemake("data/prepared/human36m-gt", *CHOICES)
        assert "nothing to make human36m-gt of; put h36m_sh_conf_cam_source_final.pkl" in only_error(result)
    finally:
        (tmp_path / "away").rename(raw)
