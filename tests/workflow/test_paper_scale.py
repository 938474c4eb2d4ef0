"""Scale paper, from the official and preprocessed files of miniature data sets to tables."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from checkout import Checkout, only_error

pytestmark = [pytest.mark.slow, pytest.mark.shared]
CHOICES = ["--config", "scale=paper", "studies=mini-paper"]


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Checkout:
    """A finished run over the miniature sets, an epoch of two steps each."""
    checkout = Checkout(tmp_path_factory.mktemp("paper") / "copy")
    checkout.configure(lambda config: config.update(override={"epochs": 2, "steps": 2}))
    checkout.configure(lambda config: config.update(weights={"human36m-sh": {"posemamba-s-27": "weights.bin"}}))
    write_official(checkout / "weights.bin")
    raw = checkout / "data/raw"
    (raw / "human36m").mkdir(parents=True)
    shutil.copy(shared / "fixtures/synthetic/h36m/motionbert/h36m_sh_conf_cam_source_final.pkl", raw / "human36m")
    shutil.copytree(shared / "fixtures/synthetic/mpi_inf_3dhp/original", raw / "mpi-inf-3dhp")
    result = checkout.snakemake("tables", *CHOICES)
    assert result.returncode == 0, result.stdout
    return checkout


def write_official(path: Path) -> None:
    """Weights in the layout of PoseMamba's authors, of an untrained network."""
    import torch

    import models
    from models.lifting.official import official_weights

    torch.manual_seed(0)
    torch.save({"model_pos": official_weights(models.build("posemamba-s-27"))}, path)


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
    assert (human["verdict"].drop(("posemamba-official", "p1_gt")) == "not comparable").all()  # no weights for gt
    assert other.loc[("posemamba", "p1"), "dataset"] == "mpi-inf-3dhp-gt"
    assert "53 test frames of 2,929" in other.loc[("posemamba", "p1"), "why"]
    assert other["verdict"].tolist() == ["not comparable"] * 3  # the baselines too
    assert cells(paper, "ours").loc[("posemamba", "p1"), "why"].startswith("needs the papers' data")


def test_runs_train_the_papers_nets_on_all_training_data(paper: Checkout) -> None:
    run = paper / "results/runs/paper/human36m-sh/posemamba-s-27/posemamba/seed0"
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["spec"]["hyper"]["frames"] == 27
    assert record["spec"]["recipe"]["hold_out"] is False
    assert set(record["selected"]) == {"last", "best_test"}
    assert not (run / "weights-best_val.safetensors").exists()


def test_official_weights_have_a_row_of_their_own(paper: Checkout) -> None:
    human = cells(paper, "human36m")
    assert human.loc[("posemamba-official", "p1"), "row_label"] == "PoseMamba-S, official weights"
    assert human.loc[("posemamba-official", "p1"), "printed"] == 41.8
    assert human.loc[("posemamba-official", "p1"), "measured"] != human.loc[("posemamba", "p1"), "measured"]
    assert human.loc[("posemamba-official", "p1"), "why"] == "scale paper, but with 600 test frames of 566,920"
    run = paper / "results/runs/paper/human36m-sh/posemamba-s-27/official/seed0/run.json"
    assert json.loads(run.read_text(encoding="utf-8"))["steps"] == 0


def test_errors_are_told_by_action_sequence_and_activity(paper: Checkout) -> None:
    runs = paper / "results/runs/paper"
    human = pd.read_csv(runs / "human36m-sh/posemamba-s-27/posemamba/groups.csv")
    by_action = human[(human["convention"] == "human36m/test/best_test") & (human["metric"] == "mpjpe")]
    assert set(by_action["group"]) == {"Walking", "Greeting"}  # SittingDown's take is a faulty one
    mean = cells(paper, "human36m").loc[("posemamba", "p1"), "measured"]
    assert by_action["value"].mean() == pytest.approx(mean)
    other = pd.read_csv(runs / "mpi-inf-3dhp-gt/posemamba-s-27/mpi-inf-3dhp/groups.csv")
    assert {"TS1", "TS5"} <= set(other.loc[other["kind"] == "sequence", "group"])
    assert set(other["metric"]) == {"mpjpe", "p_mpjpe", "n_mpjpe", "pck3d", "auc3d"}


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


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which nothing was run."""
    return Checkout(tmp_path_factory.mktemp("bare") / "copy")


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("train-joints-in-another-order", "train, s_01_act_14_subact_01_ca_01, joint3d_image: .*in another order"),
        ("source-names-of-another-tool", "test, source: 'S9_Walking_0' is not the name of a take"),
        ("factor-nan", "test, 2.5d_factor has NaN or infinite numbers, first in row 3"),
        ("factor-as-column", None),
    ],
)
def test_faults_of_raw_files_end_in_one_line(bare: Checkout, shared: Path, case: str, says: str | None) -> None:
    raw, prepared = bare / "data/raw/human36m", bare / "data/prepared"
    shutil.rmtree(raw, ignore_errors=True)
    shutil.rmtree(prepared, ignore_errors=True)
    shutil.copytree(shared / "cases" / case, raw)
    result = bare.snakemake("data/prepared/human36m-sh", "--config", "scale=paper")
    if says is None:
        assert result.returncode == 0, result.stdout
    else:
        assert re.search(rf"h36m_sh_conf_cam_source_final\.pkl, {says}", only_error(result))
    assert [path.name for path in prepared.glob("*human36m-sh*")] == ([] if says else ["human36m-sh"])
