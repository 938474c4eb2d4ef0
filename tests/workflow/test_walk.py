"""Plan, bill, doctor and data answer whatever config.yaml allows, in a checkout that has nothing yet."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from checkout import ROOT, Checkout, measured

import studies.plan
from base.errors import InputError
from base.reading import read_yaml
from models.ssm import backend_in_use
from studies.benchmarks import BENCHMARKS
from studies.config import WEIGHTED, read_config
from studies.load import load_study, study_names
from studies.motions import motions
from studies.places import Places
from studies.plan import Plan, make_plan
from studies.scales import PAPER
from workflow.commands import bill, data, doctor
from workflow.commands.plan import Job, preview
from workflow.forecast import Forecast
from workflow.work import count

WEIGHTS = "weights.bin"
SCHEMA = read_yaml(ROOT / "workflow/schemas/config.schema.yaml")["properties"]
FORMS = {key: form["enum"] for key, form in SCHEMA["forms"]["properties"].items()}
FEW = "variants=mlp,posemamba-s,glsmamba-b"
# Every value of keys that have few, the names that may stand in a list, one by one, and some of each other key.
# Networks that are counted anew for a choice are few.
CHOICES: list[tuple[str, ...]] = [
    ("sources={cmu: {accept: true}}",),
    ("budget={hours: 1, disk_gib: 1}",),
    ("timing={variants: [], threads: 2}",),
    ("variants=mean-pose",),
    ("seeds=0,1,2",),
    ("override={epochs: 1, steps: 1, hold_out: true}",),
    ("override={seeds_together: false, steps: 1}",),
    ("weights={coco: {vitpose-b: weights.bin}}",),
    *((f"weights={{{name}: {{posemamba-s: {WEIGHTS}}}}}",) for name in WEIGHTED),
    *((f"studies={name}",) for name in study_names()),
    *((f"benchmarks={name}",) for name in BENCHMARKS),
    *((f"{key}={value}",) for key in ("detector", "selection") for value in SCHEMA[key]["enum"]),
    *((f"forms={{{key}: {value}}}",) for key, values in FORMS.items() for value in values),
    *((f"backend={name}", FEW) for name in SCHEMA["backend"]["enum"]),
    ("processes=2", FEW),
]
# Every motion at one scale, real motion at every scale; scale paper is of its own data sets.
PLACES = [("quick", name) for name in motions()]
PLACES += [("small", "synthetic"), ("small", "cmu"), ("open", "cmu"), (PAPER, "synthetic")]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout without data and results, where this device was measured; each walk adds what it counted.

    Studies are read once, not for each choice.
    """
    copy = Checkout(tmp_path_factory.mktemp("walk") / "checkout")
    (copy / "config.yaml").write_bytes((ROOT / "config.yaml").read_bytes())
    (copy / WEIGHTS).touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(measured(copy.folder))
        patch.setattr("datasets.fetching.todo.fetch", _offline)
        for module in (studies.plan, data):
            patch.setattr(module, "load_study", cache(load_study))
        yield copy.folder


def _offline(name: str, *_: object, **__: object) -> None:
    raise InputError(f"{name}: no network in this test")


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "dataset"), PLACES)
def test_every_choice_is_answered(empty: Path, scale: str, dataset: str, capsys: pytest.CaptureFixture) -> None:
    """Every command at this place, choice by choice; `make plan` whole, with a few choices at once."""
    here = [f"scale={scale}", f"motion={dataset}", "seeds=0"]
    allowed = {choice: plan for choice in CHOICES if (plan := _allowed([*here, *choice]))}
    assert len(allowed) > len(CHOICES) - 6
    count(next(iter(allowed.values())))
    number = PLACES.index((scale, dataset))
    whole = _plan_command([*here, *_one_of_each(list(allowed), number)], empty)
    for choice, plan in allowed.items():
        if reason := _cannot_run(plan.config.backend):
            with pytest.raises(InputError, match=reason):
                count(plan)
        else:
            _answers(plan, [*here, *choice], capsys)
    told, _ = whole.communicate()
    assert whole.returncode == 0, told
    assert " jobs: " in told
    assert "about " in told


def _allowed(choices: list[str]) -> Plan | None:
    """The plan of these choices, or None where the config refuses them at that scale: a detector, a selection."""
    try:
        return make_plan(read_config(choices))
    except InputError as refused:
        if not str(refused).startswith(("config.yaml: detector: ", "config.yaml: selection: ")):
            raise
        return None


def _cannot_run(backend: str) -> str | None:
    """What is said of a backend that this machine lacks."""
    try:
        backend_in_use(backend)
    except InputError:
        return f"^backend '{backend}' is not available: "
    return None


def _one_of_each(choices: list[tuple[str, ...]], number: int) -> list[str]:
    """One choice of each key, another for another number; not of keys that leave little to be planned."""
    keys: dict[str, list[str]] = {}
    for choice, *few in choices:
        if not few and not choice.startswith(("budget=", "variants=")):
            keys.setdefault(choice.partition("=")[0], []).append(choice)
    return [values[number % len(values)] for values in keys.values()]


def _plan_command(choices: list[str], folder: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "workflow", "plan", *choices]
    return subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


def _answers(plan: Plan, choices: list[str], capsys: pytest.CaptureFixture) -> None:
    """What the four commands say, their `main` less what reads the config."""
    count(plan)  # what a process of its own does otherwise
    costs = bill.bill(plan)
    assert ("times: " if costs else "nothing left") in bill.describe(costs, plan.config.processes, 0.0)
    assert all(cost.hours >= 0 and cost.disk > 0 for cost in costs)
    places = Places(plan.config.scale.name, plan.config.motion)
    jobs = [Job("train_run", (places.of_run(cost.experiment, cost.seed),), "") for cost in costs]
    assert ("times: " if costs else "nothing to do") in preview(plan, jobs, Forecast(plan))
    assert doctor.report(doctor.examine(plan)).splitlines()[-1]
    missing = data.main(choices)
    printed = capsys.readouterr().out
    assert "TO DO" in printed if missing else "nothing to download" in printed
