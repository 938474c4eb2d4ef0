"""Teams in which a process has no rows of a batch: nobody waits for ever, and the numbers are those of one process."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

import models
from datasets.motion.prepare import prepare
from tests.training.test_run import spec_of
from tests.training.test_team import same
from tests.training.test_video import SIZE
from tests.training.test_video import spec_of as video_spec
from training.job import Job
from training.launch import launch
from training.team import Team

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
UNUSED = "layers.0.graph_spatial.mixer.alpha1"  # starts at a constant
SECONDS = 240  # a team takes 20; one that waits for ever is ended


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "synthetic-gt"
    prepare("synthetic-gt", folder)
    return folder


def team(job: Job, folder: Path, processes: int) -> subprocess.CompletedProcess:
    """Train a job by several processes of torchrun."""
    folder.mkdir()
    (folder / "job.json").write_text(placed(job, folder).to_json(), encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "training.launch", str(folder / "job.json")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS)


def placed(job: Job, folder: Path) -> Job:
    return replace(job, run=folder / "run", state=folder / "state")


def check_same(job: Job, folder: Path, processes: int) -> None:
    """Several processes end with what one ends with."""
    launch(placed(job, folder / "alone"), 1)
    result = team(job, folder / "team", processes)
    assert result.returncode == 0, result.stderr
    same(folder / "team/run", folder / "alone/run", rtol=1e-3)


def lifting(data: Path, variant: str = "posemamba-s", recipe: str = "posemamba", **changes: object) -> Job:
    spec = spec_of(variant, recipe, drop=0)
    spec = replace(spec, recipe=replace(spec.recipe, **changes))
    return Job(spec, data, run=data, state=data)  # until it is placed


@pytest.mark.shared
def test_the_case_a_batch_of_one_and_two_processes(shared: Path, data: Path, tmp_path: Path) -> None:
    case = json.loads((shared / "cases/batch-smaller-than-processes/job.json").read_text(encoding="utf-8"))
    check_same(Job.from_json(json.dumps(case | {"data": str(data)})), tmp_path, 2)


def test_a_batch_of_two_in_pieces_and_three_processes(data: Path, tmp_path: Path) -> None:
    check_same(lifting(data, batch=2, accumulate=2, epochs=1, steps=3), tmp_path, 3)


def test_a_weight_that_no_gradient_reaches_is_left_alone_by_a_team_too(data: Path, tmp_path: Path) -> None:
    """Its decay would be a step that one process does not take."""
    job = lifting(data, "hgmamba-xs", "equal", batch=2, epochs=1, steps=2, weight_decay=50.0)
    before = models.build("hgmamba-xs", **job.spec.hyper).state_dict()[UNUSED]
    assert team(job, tmp_path / "team", 2).returncode == 0
    assert load_file(tmp_path / "team/run/weights.safetensors")[UNUSED].equal(before)


def test_a_batch_of_one_person_of_a_video(videos: Path, tmp_path: Path) -> None:
    spec = video_spec("vitpose-b", SIZE | {"frames": 1}, batch=1, steps=2)
    check_same(Job(spec, videos, run=tmp_path, state=tmp_path), tmp_path, 2)


def test_all_processes_stop_where_one_diverges(data: Path, tmp_path: Path) -> None:
    result = team(lifting(data, batch=1, learning_rate=1e30), tmp_path / "team", 2)
    assert result.returncode != 0
    assert result.stderr.count("seed 0: step 2: the loss is nan") == 2  # each process says so


def test_an_evaluation_that_fails_does_not_keep_the_others_waiting(data: Path, tmp_path: Path) -> None:
    """Only the leader evaluates."""
    less = shutil.copytree(data, tmp_path / "data")
    shutil.rmtree(less / "test")  # which nothing but an evaluation asks for
    result = team(lifting(less, epochs=1), tmp_path / "team", 2)
    assert result.returncode != 0
    assert "KeyError: 'test'" in result.stderr


@pytest.mark.parametrize(("count", "size", "accumulate"), [(1, 2, 1), (2, 3, 1), (3, 2, 4), (1, 8, 2)])
def test_the_leader_always_has_a_share(count: int, size: int, accumulate: int) -> None:
    assert Team(0, size).parts(count, accumulate)
