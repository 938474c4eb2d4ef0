"""One command from nothing to tables, figures and a page; again: nothing; after an edit: what it touches, no more."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pytest
from checkout import Checkout

from metrics.joint_errors import METRICS
from studies.measurements import COLUMNS

pytestmark = pytest.mark.slow

REPORT = "results/quick/synthetic"
RUNS = "results/runs/quick/synthetic-sh-like"
VARIANTS = {"mean-pose": "baseline", "mlp": "baseline", "posemamba-s-27": "posemamba", "sasmamba-27-xy": "sasmamba"}
FIGURES = ["curves", "bubbles", "scans", "maps", "poses"]
RUN_FILES = {"history.csv", "predictions.npz", "run.json", "train.log", "weights.safetensors"}
RUN_FILES |= {"weights-best_val.safetensors", "weights-best_test.safetensors"}


@pytest.fixture(scope="module")
def whole(new_checkout: Callable[[], Checkout]) -> tuple[Checkout, CompletedProcess]:
    """A copy in which the workflow ran from beginning to end, and what it said. Tests leave it as they found it."""
    checkout = new_checkout()
    return checkout, checkout.snakemake()


def test_it_ends_well_and_says_where_to_look(whole: tuple[Checkout, CompletedProcess]) -> None:
    _, result = whole
    assert result.returncode == 0, result.stdout
    assert "error" not in result.stdout.lower()
    assert f"Look at {REPORT}/site/index.html" in result.stdout.splitlines()[-3:]
    assert "1 tables, 3 printed numbers:" in result.stdout


def test_every_table_and_figure_is_there_in_every_format(whole: tuple[Checkout, CompletedProcess]) -> None:
    checkout, _ = whole
    wanted = {f"tables/mini-table1.{kind}" for kind in ("csv", "md", "tex", "json")}
    wanted |= {f"figures/mini-{name}.{kind}" for name in FIGURES for kind in ("svg", "png")}
    wanted |= {f"audit/{name}" for name in ("audit.json", "claims.csv", "findings.csv")}
    wanted |= {
        "measurements.csv",
        "count-parts.csv",
        "comparisons.csv",
        "cells.csv",
        "tables/all.tex",
        "ro-crate-metadata.json",
    }
    wanted |= {"orders.csv", "tables/orders.md", "tables/orders.tex"}
    report = checkout / REPORT
    found = {p.relative_to(report).as_posix() for p in report.rglob("*") if p.is_file()}
    site = {name for name in found if name.startswith("site/")}
    assert found - site == wanted | {"records.csv", "boards.json"}  # of which there are none here
    assert {f"site/{name}.html" for name in ("index", "mini", "audit", "costs", "orders", "poses", "runs")} <= site
    assert all((report / name).stat().st_size > 80 for name in wanted)
    assert all((report / name).read_bytes().startswith(b"\x89PNG") for name in wanted if name.endswith("png"))


def test_run_folders_hold_what_the_contract_says(whole: tuple[Checkout, CompletedProcess]) -> None:
    checkout, _ = whole
    for variant, recipe in VARIANTS.items():
        run = checkout / f"{RUNS}/{variant}/{recipe}/seed0"
        extra = {"ssm_maps.npz", "ssm_maps.log"} if variant == "posemamba-s-27" else set()
        assert {p.name for p in run.iterdir()} == RUN_FILES | extra
        record = json.loads((run / "run.json").read_text())
        assert (record["spec"]["variant"], record["spec"]["recipe_name"]) == (variant, recipe)
        assert {"revision", "versions", "hardware", "seconds", "selected", "steps"} <= set(record)
        with np.load(run / "predictions.npz", allow_pickle=False) as predictions:
            assert predictions["best_val/test/joints"].shape == (record["frames"]["test"], 17, 3)


def test_measurements_are_tidy_and_name_scale_convention_and_run(whole: tuple[Checkout, CompletedProcess]) -> None:
    checkout, _ = whole
    table = pd.read_csv(checkout / f"{REPORT}/measurements.csv", dtype=str, keep_default_na=False)
    assert list(table.columns) == COLUMNS
    assert not table.duplicated([c for c in COLUMNS if c != "value"]).any()
    accuracy, efficiency = table[table["run"] != ""], table[table["run"] == ""]
    assert set(efficiency["scale"]) == {"paper"}  # at full size, whatever the scale of the trainings
    assert set(efficiency["variant"]) == set(VARIANTS)
    timed = set(efficiency.loc[efficiency["metric"] == "latency", "variant"])
    assert timed == {"mlp", "sasmamba-27-xy"}  # those that the config names
    assert set(accuracy["scale"]) == {"quick"}
    wanted = {f"{protocol}/test/{s}" for protocol in ("human36m", "pooled") for s in ("last", "best_val", "best_test")}
    for variant in VARIANTS:
        mine = accuracy[accuracy["variant"] == variant]
        assert set(mine["convention"]) == wanted
        assert set(mine["metric"]) == set(METRICS)
        assert (mine["unit"] == mine["metric"].map({name: metric.unit for name, metric in METRICS.items()})).all()
        assert np.isfinite(mine["value"].astype(float)).all()
        assert all((checkout / run / "run.json").is_file() for run in mine["run"])


def test_a_shrunken_run_does_not_pose_as_the_papers(whole: tuple[Checkout, CompletedProcess]) -> None:
    checkout, _ = whole
    cells = pd.read_csv(checkout / f"{REPORT}/tables/mini-table1.csv").set_index(["row", "column"])
    p1 = cells.loc["posemamba", "p1"]
    assert (p1["verdict"], p1["scale"], p1["dataset"]) == ("not comparable", "quick", "synthetic-sh-like")
    assert cells.loc[("other", "p1"), "verdict"] == "not run"
    assert cells.loc[("posemamba", "params"), "scale"] == "paper"


def test_snakemakes_own_report_shows_tables_and_figures_with_captions(whole: tuple[Checkout, CompletedProcess]) -> None:
    checkout, _ = whole
    page = checkout.folder.with_name("report.html")
    result = checkout.snakemake("--report", str(page))
    assert result.returncode == 0, result.stdout
    text = page.read_text(encoding="utf-8")
    for wanted in ("Three state-space (Mamba) papers", "Tables", "Figures", "Comparisons", "Audit", "Four rows"):
        assert wanted in text
    assert text.count("Printed and measured side by side") == 1  # the caption of the one table
    assert text.count("Drawn from") == len(FIGURES)


def test_again_there_is_nothing_to_do(whole: tuple[Checkout, CompletedProcess]) -> None:
    checkout, _ = whole
    before = checkout.times()
    result = checkout.snakemake()
    assert result.returncode == 0, result.stdout
    assert "Nothing to be done" in result.stdout
    assert checkout.times() == before
    assert "nothing to do" in checkout.python("-m", "workflow", "plan").stdout


def made(checkout: Checkout) -> dict[str, set[str]]:
    """What a dry run would make, by rule: the first output of each job."""
    found: dict[str, set[str]] = {}
    for job in checkout.todo():
        found.setdefault(job.rule, set()).add(job.outputs[0])
    return found


REPORTS = {
    "comparisons": {f"{REPORT}/comparisons.csv"},
    "judge": {f"{REPORT}/cells.csv"},
    "orders": {f"{REPORT}/orders.csv"},
    "boards": {f"{REPORT}/boards.json"},
    "tables": {f"{REPORT}/tables/mini-table1.csv"},
    "figures": {f"{REPORT}/figures/mini-{FIGURES[0]}.svg"},
    "audit": {f"{REPORT}/audit/audit.json"},
    "site": {f"{REPORT}/site"},
    "crate": {f"{REPORT}/ro-crate-metadata.json"},
}
PAGES = {rule: REPORTS[rule] for rule in ("site", "crate")}
EVIDENCE = {"evidence": {"results/efficiency/evidence.json"}}  # the audit runs it: SasMamba is one of its nets
MEASURED = REPORTS | {"measurements": {f"{REPORT}/measurements.csv"}}
SASMAMBA_RUNS = {
    "train_run": {f"{RUNS}/sasmamba-27-xy/sasmamba/seed0/weights.safetensors"},
    "score": {f"{RUNS}/sasmamba-27-xy/sasmamba/scores.csv"},
}
# One job each for all families, of which the baselines are the first.
COUNTS = {rule: {f"results/efficiency/baselines-{file}.csv"} for rule, file in
          {"count": "counts", "speed": "speed"}.items()}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "old", "new", "wanted"),
    [
        pytest.param(
            "models/lifting/sasmamba.py",
            "class SasMamba(",
            "# a remark\nclass SasMamba(",
            MEASURED | SASMAMBA_RUNS | COUNTS | EVIDENCE,
            id="model",
        ),
        pytest.param(
            "studies/recipes.yaml",
            "  label: SasMamba's recipe\n",
            "  label: SasMamba's recipe\n  weight_decay: 0.02\n",
            MEASURED | SASMAMBA_RUNS,
            id="recipe",
        ),
        pytest.param(
            "studies/variants.yaml",
            '{label: "SasMamba, T=27, two channels", like: sasmamba, hyper: {frames: 27}}',
            '{label: "SasMamba, T=27, two channels", like: sasmamba, hyper: {frames: 18}}',
            MEASURED | SASMAMBA_RUNS | COUNTS,
            id="hyper-parameter",
        ),
        pytest.param("studies/mini.yaml", "title: Four rows", "title: Rows", REPORTS, id="study"),
        pytest.param("reports/site/templates/overview.html", "Where to go from here", "Look here", PAGES, id="page"),
        pytest.param("config.yaml", "selection: auto", "selection: best_val", REPORTS, id="selection"),
    ],
)
def test_an_edit_reruns_what_depends_on_it_and_nothing_else(
    whole: tuple[Checkout, CompletedProcess], path: str, old: str, new: str, wanted: dict[str, set[str]]
) -> None:
    checkout, _ = whole
    with checkout.edited(path, old, new):
        assert made(checkout) == wanted


def test_an_edit_that_is_taken_back_reruns_nothing(whole: tuple[Checkout, CompletedProcess]) -> None:
    assert made(whole[0]) == {}


def test_another_seed_adds_its_runs_and_keeps_the_first(whole: tuple[Checkout, CompletedProcess]) -> None:
    checkout, _ = whole
    with checkout.edited("config.yaml", "seeds:\n- 0\n", "seeds:\n- 0\n- 1\n"):
        jobs = made(checkout)
    assert {path.split("/")[-2] for path in jobs["train_run"]} == {"seed1"}
    assert len(jobs["train_run"]) == len(jobs["score"]) == len(VARIANTS)
    assert set(jobs) == {"train_run", "score", *MEASURED}


def test_seeds_in_one_job_are_the_runs_of_two(whole: tuple[Checkout, CompletedProcess], tmp_path: Path) -> None:
    checkout, _ = whole
    together = Checkout(tmp_path / "together")
    together.configure(lambda config: config["override"].update(seeds_together=True))
    together.configure(lambda config: config.update(seeds=[0, 1]))
    target = f"{RUNS}/mlp/baseline/seed1/run.json"
    result = together.snakemake(target)
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("Rule: train_run") == 1
    first, second = (together / target).parent.with_name("seed0"), (together / target).parent
    for name in RUN_FILES - {"run.json", "train.log"}:
        assert (first / name).read_bytes() == (checkout / f"{RUNS}/mlp/baseline/seed0" / name).read_bytes()
    assert (second / "weights.safetensors").read_bytes() != (first / "weights.safetensors").read_bytes()
    assert json.loads((second / "run.json").read_text())["spec"]["seed"] == 1


def test_a_dry_run_names_the_cause_and_the_time(whole: tuple[Checkout, CompletedProcess]) -> None:
    checkout, _ = whole
    with checkout.edited("models/lifting/sasmamba.py", "class SasMamba(", "# a remark\nclass SasMamba("):
        result = checkout.make("plan")
    assert result.returncode == 0, result.stdout
    run = "sasmamba-27-xy on synthetic-sh-like, recipe sasmamba, seed 0  (changed: models/lifting/sasmamba.py)"
    assert run in result.stdout
    assert re.search(r"^about \d+ (s|min|h) on \d+ cores?$", result.stdout, flags=re.MULTILINE), result.stdout


def test_efficiency_alone_trains_nothing_and_asks_for_no_table(whole: tuple[Checkout, CompletedProcess]) -> None:
    checkout, _ = whole
    shutil.move(checkout / REPORT, checkout / "aside")
    (checkout / "results/efficiency/baselines-counts.csv").unlink()
    result = checkout.snakemake("efficiency")
    shutil.move(checkout / "aside", checkout / REPORT)
    assert result.returncode == 0, result.stdout
    assert "error" not in result.stdout.lower()
    assert "Rule: train_run" not in result.stdout
    assert (checkout / "results/efficiency/baselines-counts.csv").is_file()
    assert made(checkout) == {}  # the same counts again: nobody has to follow
