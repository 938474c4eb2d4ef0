"""How long runs and jobs will take: by what others like them took, else by counted work and a measured speed."""

import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from checkout import ROOT
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from base.errors import InputError
from base.machine import cpu_name
from base.reading import read_yaml, with_choices
from datasets.motion.prepare import prepare
from studies.benchmarks import SIZES, Size
from studies.config import checked_config
from studies.data import Boxes, Experiment
from studies.places import Places
from studies.plan import Plan, make_plan
from studies.variants import resolve_variants
from workflow import work
from workflow.forecast import (
    NETWORKS,
    SECONDS_OF_A_JOB,
    SECONDS_TO_START,
    SPEEDS,
    Forecast,
    Speed,
    Training,
    Work,
    amounts,
    complete_forecast,
    job_seconds,
    unfinished,
)

MLP = Experiment.named("synthetic-sh-like", "mlp", "baseline")
POSEMAMBA = Experiment.named("synthetic-sh-like", "posemamba-s", "posemamba")


def plan(*choices: str) -> Plan:
    return make_plan(checked_config(with_choices(read_yaml(ROOT / "config.yaml"), choices)))


def keep_run(mine: Plan, experiment: Experiment, seconds: float, seed: int = 0, cpu: str | None = None) -> None:
    """A finished run, as far as a forecast reads it."""
    path = Path(Places(mine.config.scale.name, "").of_run(experiment, seed))
    path.parent.mkdir(parents=True)
    run = {
        "spec": mine.spec(experiment, seed).as_json(),
        "processes": 1,
        "seconds": {"training": seconds, "whole": seconds},
    }
    path.write_text(json.dumps(run | {"hardware": {"cpu": cpu or cpu_name()}}))


def test_seconds_are_the_sum_of_what_work_costs() -> None:
    mine = Work(10, 100, 1000)
    assert Speed(1, 0.1, 0.01).seconds(mine) == 30
    assert mine.times(2) + Work(1) == Work(21, 200, 2000)
    assert mine.times(2, 5) == Work(20, 500, 5000)


def test_the_papers_schedules_are_counted_as_they_are(elsewhere: Path) -> None:
    """PoseMamba-S on Human3.6M: 120 epochs of every third clip, and of all test clips, mirrored ones as well."""
    mine = plan("scale=paper", "studies=posemamba")
    found = amounts(mine.spec(Experiment.named("human36m-sh", "posemamba-s", "posemamba"), 0), centre=False)
    assert found.steps == pytest.approx(120 * 1_559_752 / 81 / 4, rel=0.1)
    assert found.judged == pytest.approx(120 * 2 * 566_920 / 243, rel=0.05)
    shown = amounts(mine.spec(Experiment.named("human36m-sh", "posemamba-s", "official"), 0), centre=False)
    assert (shown.steps, shown.judged) == (0, pytest.approx(2 * 566_920 / 243, rel=0.05))
    windows = amounts(mine.spec(Experiment.named("mpi-inf-3dhp-gt", "posemamba-s-27", "mpi-inf-3dhp"), 0), centre=False)
    assert windows.steps == pytest.approx(300 * 117_024 / 16, rel=0.01)
    assert windows.judged == 300 * 2 * 2_929


def test_a_network_that_answers_for_one_frame_is_judged_frame_by_frame(elsewhere: Path) -> None:
    spec = plan("scale=open", "motion=cmu").spec(Experiment.named("cmu-sh-like", "einfalt-81", "equal"), 0)
    whole, single = (amounts(spec, centre) for centre in (False, True))
    assert single.judged == 2 * (6 * (10_200 + 22_436) + 2 * 6_520)
    assert 70 < single.judged / whole.judged < 81
    assert single.steps == whole.steps == 10_500


def test_videos_are_counted_by_persons(elsewhere: Path) -> None:
    mine = plan("studies=glsmamba", "override={video: {steps: 30}}")
    spec = mine.spec(Experiment.named("video-synthetic", "glsmamba-b", "glsmamba"), 0)
    read, seen = amounts(spec, False), amounts(spec, False, features=True)
    assert read.steps == seen.steps == 30
    assert seen.images == 0
    assert read.images == 5 * (30 * 8 + read.judged)
    assert read.judged == 183 * len({Boxes("gt"), *spec.conditions})
    long = plan("scale=open", "motion=cmu").spec(Experiment.named("video-cmu", "glsmamba-b", "glsmamba"), 0)
    assert amounts(long, False).steps == 20 * -(-4_855 * 7 // 8 // 8)


def test_what_is_prepared_counts_as_it_is(elsewhere: Path) -> None:
    for split, frames in (("train", 50), ("val", 10), ("test", 20)):
        (elsewhere / f"data/prepared/synthetic-gt/{split}").mkdir(parents=True)
        card = {"counts": {"frames": frames, "sequences": 2}}
        (elsewhere / f"data/prepared/synthetic-gt/{split}/card.json").write_text(json.dumps(card))
    spec = plan("override={epochs: 2}").spec(Experiment.named("synthetic-gt", "mlp", "baseline"), 0)
    assert amounts(spec, centre=False).judged == 2 * 2 * (10 + 20)


@pytest.mark.parametrize(
    ("size", "frames", "stride", "clips", "windows"),
    [
        (Size(61, 1, every=9), 27, 9, 7, 3),
        (Size(100, 1), 27, 9, 9.1, 4),
        (Size(20, 2), 27, 9, 2, 2),
        (Size(81, 1, centred=True), 27, 9, 7, 81),
    ],
)
def test_clips_of_a_size(size: Size, frames: int, stride: int, clips: float, windows: int) -> None:
    assert size.clips(frames, stride) == pytest.approx(clips, abs=0.1)
    assert size.windows(frames, one_by_one=False) == windows


def test_another_seed_foretells_a_run_on_this_processor_only(elsewhere: Path) -> None:
    mine = plan()
    keep_run(mine, MLP, 123.5)
    keep_run(mine, POSEMAMBA, 50.0, cpu="another one")
    forecast = Forecast(mine)
    assert (forecast.run(MLP).seconds, forecast.run(MLP).history) == (123.5, True)
    assert forecast.run(POSEMAMBA) is None


def test_a_shorter_run_foretells_a_longer_one_by_counted_work(elsewhere: Path) -> None:
    short, long = (plan("variants=mlp,posemamba-s", f"override={{steps: {n}}}") for n in (1000, 4000))
    work.count(short)
    counted = {n: Forecast(p).run(POSEMAMBA).seconds for n, p in (("short", short), ("long", long))}
    keep_run(short, POSEMAMBA, 3 * counted["short"])
    estimate = Forecast(long).run(POSEMAMBA)
    assert estimate.history
    assert estimate.seconds == pytest.approx(3 * counted["long"])
    assert 3.5 < counted["long"] / counted["short"] < 4


def test_what_is_not_known_is_counted_once_by_another_process(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = plan("variants=mlp,glsmamba-b")
    first = complete_forecast(mine)
    monkeypatch.delattr("workflow.forecast.subprocess")  # no other process
    again = complete_forecast(mine)
    for e, _ in unfinished(mine):
        assert first.run(e).seconds == again.run(e).seconds > 0
        assert first.network(e) == again.network(e)


def test_what_cannot_be_counted_is_told_in_one_line(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSMPOSE_BACKEND", "no-such")
    with pytest.raises(InputError, match=r"^unknown environment variable SSMPOSE_BACKEND: ") as caught:
        complete_forecast(plan("variants=posemamba-s"))
    assert "\n" not in str(caught.value)


def test_damage_among_what_is_kept_is_no_news(elsewhere: Path) -> None:
    mine = plan()
    keep_run(mine, MLP, 10.0)
    for path in (SPEEDS, NETWORKS, Path("results/runs/quick/a/b/c/seed0/run.json")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{")
    assert Forecast(mine).run(MLP).seconds == 10.0
    assert Forecast(mine).run(POSEMAMBA) is None


def test_seconds_of_jobs_come_from_what_ran_here(elsewhere: Path) -> None:
    mine = plan("seeds=0,1,2", "override={seeds_together: true}")
    assert job_seconds(mine, [("tables", ""), ("train_run", "x"), ("no-such", "x")]) == [SECONDS_OF_A_JOB] * 3
    folder = elsewhere / ".snakemake/metadata"
    folder.mkdir(parents=True)
    for output, seconds in (("results/a", 10), ("results/b", 20)):
        name = urlsafe_b64encode(output.encode()).decode()
        (folder / name).write_text(json.dumps({"rule": "count", "starttime": 100, "endtime": 100 + seconds}))
    (folder / "x").write_text("{")
    keep_run(mine, MLP, 7.0)
    trained = "results/runs/quick/synthetic-sh-like/mlp/baseline/seed0/run.json"
    jobs = [("count", "results/a"), ("count", "results/c"), ("count", ""), ("train_run", trained)]
    assert job_seconds(mine, jobs) == [10, 15, 15, SECONDS_TO_START + 3 * 7.0]  # three seeds in one process


def test_jobs_are_foretold_without_torch(elsewhere: Path) -> None:
    """In the process that parses the workflow."""
    code = "import sys, workflow.forecast; assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_jobs_are_foretold_by_one_look_at_each_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = plan("variants=all")
    jobs = [("train_run", f"results/runs/quick/{e.dataset}/{e.variant}/{e.recipe}/seed0/a") for e in mine.experiments]
    for e in mine.experiments:
        keep_run(mine, e, 5.0)
    read, reads = Path.read_text, Counter()
    monkeypatch.setattr(Path, "read_text", lambda path, *how, **said: reads.update([path]) or read(path, *how, **said))
    assert job_seconds(mine, jobs) == [SECONDS_TO_START + 5.0] * len(jobs)
    assert len([path for path in reads if path.name == "run.json"]) == len(jobs) > 50
    assert set(reads.values()) == {1}


def training_of(name: str) -> Training:
    """A variant on two clips, of 27 frames where it can have them, as far as counting reads it."""
    hyper = resolve_variants()[name].hyper
    shorter = {"frames": 27} if hyper["frames"] in (81, 243) and "central" not in hyper else {}
    return work.timed_training(name, shorter, 2)


DEEP = {v.family: name for name, v in reversed(resolve_variants().items()) if v.hyper.get("depth", 0) > 2}


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP.values(), ids=DEEP)
def test_a_deep_stack_is_counted_from_two_shallow_ones(name: str) -> None:
    """Exactly, but for memory: where the peak lies depends on the depth a little."""
    line, whole = (count(training_of(name)) for count in (work.count_network, work._count))
    assert replace(line, memory=0) == replace(whole, memory=0)
    assert line.memory == pytest.approx(whole.memory, rel=0.02)


@pytest.mark.parametrize("name", ["posemamba-s-27", "hgmamba-xs"])
def test_a_count_is_the_same_each_time(name: str) -> None:
    """Whether tables are kept from an earlier step, and however a network's coins would fall."""
    assert work._count(training_of(name)) == work._count(training_of(name))


class Done(TorchDispatchMode):
    """Adds up the operators and the multiply-accumulates of what runs within."""

    calls = macs = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        self.calls += not func.is_view
        self.macs += formula(*args, **(kwargs or {}), out_val=out) // 2 if formula else 0
        return out


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / str(MLP.dataset)
    prepare(str(MLP.dataset), folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "posemamba-s", "poseformerv2-81"])
def test_foreseen_work_is_what_a_run_does(
    name: str, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    """Multiply-accumulates nearly exactly, operators but for data, losses and scores; docs/forecasts.md has seconds."""
    from training.job import Job
    from training.run import train

    monkeypatch.chdir(tmp_path)
    mine = plan(f"variants={name}", "override={epochs: 1, steps: 60}")
    experiment = next(e for e, _ in unfinished(mine) if e.variant == name and e.dataset == MLP.dataset)
    spec = mine.spec(experiment, 0)
    with Done() as done:
        train(Job(spec, prepared, tmp_path / "run", tmp_path / "state"))
    network = complete_forecast(mine).network(experiment)
    todo = amounts(spec, network.centre)
    foreseen = network.step.times(todo.steps) + network.judged.times(todo.batches, todo.judged)
    assert foreseen.macs == pytest.approx(done.macs, rel=0.05)
    assert 0.5 < foreseen.calls / done.calls < 1.1, (foreseen.calls, done.calls)


@pytest.mark.slow
def test_sizes_of_embedded_motion_are_those_of_the_prepared_data(tmp_path: Path) -> None:
    prepare("synthetic-gt", tmp_path / "data")
    for split, size in SIZES["synthetic"].items():
        counts = json.loads((tmp_path / "data" / split / "card.json").read_text())["counts"]
        assert (counts["frames"], counts["sequences"]) == (size.frames, size.sequences)
