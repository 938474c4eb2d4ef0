"""Before a run: what it will cost, and whether everything is there and sound."""

from pathlib import Path

import pytest
from checkout import ROOT, Checkout, only_error

from base.reading import read_yaml
from studies.config import Budget, checked_config
from studies.data import Experiment
from studies.plan import make_plan
from workflow.commands import bill, doctor
from workflow.commands.bill import Cost, describe, over_budget


def plan(**changes: object):
    return make_plan(checked_config(read_yaml(ROOT / "config.yaml") | changes))


def test_finished_runs_cost_nothing(elsewhere: Path) -> None:
    mine = plan(scale="paper", studies=["posemamba"], variants=["posemamba-s"], seeds=[0])
    before = bill.bill(mine)
    done = elsewhere / "results/runs/paper/human36m-sh/posemamba-s/posemamba/seed0/run.json"
    done.parent.mkdir(parents=True)
    done.write_text("{}")
    after = bill.bill(mine)
    assert len(after) == len(before) - 1
    assert sum(cost.hours for cost in after) < sum(cost.hours for cost in before)


def test_weights_that_are_frozen_take_room_as_well(elsewhere: Path) -> None:
    mine = plan(scale="open", studies=["glsmamba"], variants=["glsmamba-b"], seeds=[0])
    cost = next(c for c in bill.bill(mine) if c.experiment.variant == "glsmamba-b")
    encoder = 86e6 * 4  # of ViT-B
    assert 7 * encoder < cost.disk < 8.5 * encoder


def test_a_budget_is_kept() -> None:
    experiment = Experiment.named("human36m-sh", "posemamba-s", "posemamba")
    costs = [Cost(experiment, seed, 30.0, 2**30, 2**30) for seed in (0, 1)]
    assert over_budget(costs, Budget(61, None)) is None
    assert over_budget(costs, Budget(59, None)) == ("budget.hours: these runs need about 60.0, the budget is 59")
    assert "budget.disk_gib: these runs need about 2.0" in over_budget(costs, Budget(None, 1))
    assert "budget.hours" in over_budget(costs, Budget(float("nan"), None))


def test_the_bill_says_what_it_needs_what_there_is_and_how_sure_it_is() -> None:
    experiment = Experiment.named("human36m-sh", "posemamba-s", "posemamba")
    costs = [Cost(experiment, 0, 30.0, 2**30, 2**30), Cost(experiment, 1, 10.0, 2**30, 50 * 2**30, history=True)]
    lines = describe(costs, 1, 65 * 2**30).splitlines()
    assert "40.00 h" in lines[-3]
    assert lines[-2] == "disk: 2.0 GiB needed, 65.0 GiB free: enough"  # whatever the memory
    assert "25 % as runs like these took" in lines[-1]
    assert "not enough" in describe(costs, 1, 2**30)
    assert "each on 2 devices" in describe(costs, 2, 65 * 2**30)
    assert "have not been checked" in describe(costs, 2, 65 * 2**30)
    assert describe([], 1, 0) == "nothing left to train"


@pytest.mark.slow
def test_make_starts_nothing_above_the_budget(checkout: Checkout) -> None:
    checkout.configure(lambda config: config.update(budget={"hours": 1e-9, "disk_gib": None}))
    line = only_error(checkout.make("tables"))
    assert "budget.hours: these runs need about" in line
    assert "raise the budget in config.yaml" in line
    assert not (checkout / "data/prepared").exists()


def states(findings: list[doctor.Finding]) -> dict[str, str]:
    return {finding.what: finding.state for finding in findings}


def test_a_sound_checkout_has_nothing_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    findings = doctor.examine(plan(), tmp_path / "raw", tmp_path / "prepared")
    assert "WRONG" not in states(findings).values()
    assert doctor.report(findings).endswith("nothing stops this run")


def test_missing_data_and_broken_data_are_wrong_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    mine = plan(scale="paper", studies=["posemamba"], benchmarks=["human36m"])
    (tmp_path / "raw/human36m").mkdir(parents=True)
    (tmp_path / "prepared/human36m-gt/train").mkdir(parents=True)
    findings = doctor.examine(mine, tmp_path / "raw", tmp_path / "prepared")
    found = {finding.what: finding for finding in findings}
    assert found["Human3.6M"].state == "WRONG"
    assert "make data of=human36m" in found["Human3.6M"].says
    assert "MPI-INF-3DHP" not in found
    assert found["human36m-gt"].state == "WRONG"
    assert "card.json: is missing" in found["human36m-gt"].says
    assert "2 to mend first: Human3.6M, human36m-gt" in doctor.report(findings)
    (tmp_path / "raw/human36m/h36m_sh_conf_cam_source_final.pkl").write_bytes(b"x")
    assert states(doctor.examine(mine, tmp_path / "raw", tmp_path / "none"))["Human3.6M"] == "ok"


def test_weights_that_no_run_uses_are_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    weights = {"human36m-sh": {"posemamba-s": str(tmp_path / "a"), "glsmamba-b": str(tmp_path / "a")}}
    (tmp_path / "a").touch()
    mine = plan(scale="paper", studies=["posemamba"], weights=weights)
    notes = [f for f in doctor.examine(mine, tmp_path, tmp_path) if f.what.startswith("weights")]
    assert [note.says.split(" on ")[0] for note in notes] == ["not used: no selected table asks for glsmamba-b"]


def test_another_version_than_the_pinned_one_is_noted(elsewhere: Path) -> None:
    (elsewhere / "requirements.txt").write_text("numpy==0.1\nno-such-package==2.0  # why\n")
    found = {finding.what: finding for finding in doctor.examine(plan(), elsewhere, elsewhere)}["packages"]
    assert found.state == "note"
    assert "(pinned 0.1), no-such-package missing (pinned 2.0)" in found.says
