"""The file of a job: read back as it was written, and every mistake in it ends in one line."""

import json
from pathlib import Path

import pytest

from base.errors import InputError
from studies.config import read_config
from studies.data import Experiment
from studies.plan import make_plan
from training.job import Job
from training.launch import read_job


@pytest.fixture
def job() -> Job:
    plan = make_plan(read_config(["studies=posemamba"]))
    spec = plan.spec(Experiment.named("synthetic-gt", "mlp", "baseline"), 0)
    return Job(spec, Path("data"), Path("run"), Path("state"), ("a.py",))


def test_a_job_is_read_as_it_was_written(job: Job, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(json.loads(job.to_json()) | {"task": "lifting"}))
    assert read_job([str(path)]) == job


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("thread",), 1, "job: unknown key 'thread'; did you mean 'threads'"),
        (("threads",), "one", "job: key 'threads' cannot be 'one'"),
        (("threads",), 0, "job: key 'threads' cannot be 0"),
        (("data",), 5, "job: key 'data' cannot be 5"),
        (("sources",), "a.py", "job: key 'sources' cannot be 'a.py'"),
        (("spec",), 5, "spec: cannot be 5"),
        (("spec", "seeds"), 5, "spec: unknown key 'seeds'; did you mean 'seed'"),
        (("spec", "seed"), True, "spec: key 'seed' cannot be True"),
        (("spec", "hyper"), [1], "spec: key 'hyper' is missing, or of another type"),
        (("spec", "recipe", "epochs"), "two", "recipe: key 'epochs' cannot be 'two'"),
        (("spec", "recipe", "learning_rate"), float("nan"), "recipe: key 'learning_rate' cannot be nan"),
        (("spec", "recipe", "loss"), None, "recipe: key 'loss' is missing"),
        (("data",), None, "job: key 'data' is missing"),
    ],
    ids=str,
)
def test_a_mistake_in_a_job_ends_in_one_line(job: Job, tmp_path: Path, where: tuple, value: object, said: str) -> None:
    content = json.loads(job.to_json())
    part = content
    for key in where[:-1]:
        part = part[key]
    part.pop(where[-1], None)
    part |= {} if value is None else {where[-1]: value}
    path = tmp_path / "job.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"job\.json: {said}") as told:
        read_job([str(path)])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_what_is_no_job_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "job.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"job\.json: "):
        read_job([str(path)])
    with pytest.raises(InputError, match="give one file"):
        read_job([])
