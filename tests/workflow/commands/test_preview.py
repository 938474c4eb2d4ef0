"""A dry run made readable: its jobs, their causes, how long the trainings will take."""

from pathlib import Path

import pytest

from studies.config import read_config
from studies.data import Experiment
from studies.plan import Plan, make_plan
from workflow.commands.plan import jobs, preview
from workflow.forecast import Forecast, wall_seconds

RUN = "results/runs/quick/cmu-gt/mlp/baseline/seed2"
DRY_RUN = f"""Building DAG of jobs...
Job stats:
job      count
[Sat Nov 21 04:18:16 2026]
rule train_run:
    input: data/prepared/cmu-gt, models/a.py
    output: {RUN}/weights.safetensors, {RUN}/run.json
    log: {RUN}/train.log
    reason: Updated input files: models/b.py, models/a.py; Params have changed since last execution: before: 1, now: 2
[Sat Nov 21 04:18:16 2026]
rule count:
    output: results/efficiency/mlp-counts.csv
    reason: Missing output files: results/efficiency/mlp-counts.csv, results/efficiency/mlp-excluded.csv
[Sat Nov 21 04:18:16 2026]
localrule all:
    input: results/quick/cmu/site
    reason: Input files updated by another job: results/quick/cmu/site
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(read_config(["motion=cmu"]))


def test_jobs_are_those_that_make_something() -> None:
    found = jobs(DRY_RUN)
    assert [job.rule for job in found] == ["train_run", "count"]
    assert found[0].outputs[0] == f"{RUN}/weights.safetensors"
    assert found[1].reason.startswith("Missing output files: ")
    assert jobs("Building DAG of jobs...\nNothing to be done (all requested files are present and up to date).\n") == []


def test_a_job_is_a_line_with_its_cause_in_short() -> None:
    train, count = (" ".join(str(job).split()) for job in jobs(DRY_RUN))
    assert train == (
        "train_run mlp on cmu-gt, recipe baseline, seed 2 "
        "(changed: models/b.py and 1 more; params have changed since last execution)"
    )
    assert count == "count results/efficiency/mlp-counts.csv (missing output files)"


def test_seeds_that_are_one_job_are_named_and_timed_together(plan: Plan) -> None:
    other = RUN.replace("seed2", "seed3")
    text = DRY_RUN.replace(f"{RUN}/run.json", f"{other}/weights.safetensors, {RUN}/run.json, {other}/run.json")
    assert ", seeds 2, 3 " in str(jobs(text)[0])
    assert jobs(text)[0].runs == [(Experiment.named("cmu-gt", "mlp", "baseline"), seed) for seed in (2, 3)]
    assert jobs(text)[1].runs == []


def test_a_preview_adds_the_jobs_up(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    forecast = Forecast(plan)
    assert preview(plan, [], forecast) == "nothing to do: everything is up to date"
    lines = preview(plan, jobs(DRY_RUN), forecast).splitlines()
    assert lines[-3] == "2 jobs: 1 train_run, 1 count"
    assert lines[-2].startswith("about 5 s on ")
    assert lines[-1].startswith("times: ")


def test_jobs_that_take_all_cores_wait_for_each_other() -> None:
    trained = [(600.0, False)] * 4
    assert wall_seconds(trained, 2) == 1200
    assert wall_seconds([*trained, (600.0, True)], 2) == 1800
    assert wall_seconds([(36000.0, False)], 16) == 36000
