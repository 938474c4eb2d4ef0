"""What is known of failed jobs: why, by their logs; what waits for them; what can be made without them."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from base.closure import closure
from base.errors import left_out
from workflow.failures import VARIABLE, Failures, failed_jobs, reason


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("epoch 1\nerror: data: no split\n", "data: no split"),
        ("error: first\nTraceback (most recent call last):\nerror: one of 2 processes failed\n", "first"),
        ("Traceback (most recent call last):\n  File x\nValueError: broken\n", "ValueError: broken"),
        ("epoch 1\n", "it was killed by hand, or ran out of memory or time"),
        ("", "it was killed by hand, or ran out of memory or time"),
    ],
)
def test_the_log_says_why(tmp_path: Path, log: str, why: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(log, encoding="utf-8")
    assert reason(path) == why


def test_a_log_of_an_earlier_run_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("error: of yesterday\n", encoding="utf-8")
    os.utime(path, (time.time() - 86400,) * 2)
    assert reason(path) == reason(tmp_path / "none.log") == "it ended before it wrote to its log"


class Dag:
    """Jobs by name, and the jobs that each waits for, as Snakemake's DAG has them."""

    def __init__(self, needs: dict[str, list[str]], outputs: dict[str, list[str]]) -> None:
        self.jobs = {
            name: SimpleNamespace(
                rule=SimpleNamespace(name=name.split()[0]), wildcards=name.split()[1:], output=outputs[name], log=[]
            )
            for name in needs
        }
        self.jobs = {name: Hashable(job) for name, job in self.jobs.items()}
        self.dependencies = {job: {self.jobs[other]: set() for other in needs[name]} for name, job in self.jobs.items()}

    def bfs(self, direction: dict, job: object) -> list:
        found = [job]
        for one in found:
            found += [other for other in direction[one] if other not in found]
        return found


class Hashable(SimpleNamespace):
    def __init__(self, job: SimpleNamespace) -> None:
        super().__init__(**vars(job))

    __hash__ = object.__hash__
    __eq__ = object.__eq__


NEEDS = {
    "prepare a": [],
    "train_run a 0": ["prepare a"],
    "score a": ["train_run a 0"],
    "tables": ["score a"],
    "evidence": [],
    "count": [],
}
OUTPUTS = {
    "prepare a": ["data/a"],
    "train_run a 0": ["a/seed0/run.json"],
    "score a": ["a/scores.csv"],
    "tables": ["t.csv"],
    "evidence": ["evidence.json"],
    "count": ["a-counts.csv", "b-counts.csv", "a-excluded.csv", "b-excluded.csv"],
}


def ended(*failed: str, interrupted: bool = False) -> SimpleNamespace:
    """Snakemake's workflow at its end, with nothing done but what did not fail and waits for nothing that did."""
    dag = Dag(NEEDS, OUTPUTS)
    jobs = {dag.jobs[name] for name in failed}
    unfinished = [job for job in dag.jobs.values() if interrupted or jobs & set(dag.bfs(dag.dependencies, job))]
    dag.needrun_jobs = lambda: unfinished
    return SimpleNamespace(dag=dag, scheduler=SimpleNamespace(failed=jobs))


def test_runs_that_wait_for_failed_data_are_lost_and_what_gathers_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    failures = Failures(failed_jobs(ended("prepare a")))
    assert [job.name for job in failures.final] == ["prepare a"]
    assert failures.made(["data/a", "a/seed0/run.json", "a/scores.csv", "t.csv"]) == ["a/scores.csv", "t.csv"]
    assert failures.cause("a/seed0/run.json").name == "prepare a"


def test_a_job_of_several_pieces_is_not_lost_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    first = Failures(failed_jobs(ended("evidence")))
    assert first.made(["evidence.json"]) == ["evidence.json"]
    assert first.lenient("evidence.json")
    assert [job.name for job in first.final] == ["evidence"]
    monkeypatch.setenv(VARIABLE, "of the first")
    again = Failures([*first.jobs, *failed_jobs(ended("evidence"))])
    assert again.made(["evidence.json"]) == []


def test_families_that_were_counted_together_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    first = Failures(failed_jobs(ended("count")))
    assert first.apart("count")
    assert not first.apart("speed")
    assert first.made(["a-counts.csv", "b-counts.csv"]) == ["a-counts.csv", "b-counts.csv"]
    assert first.final == []


def test_an_interrupted_run_is_no_failed_one() -> None:
    assert failed_jobs(ended("prepare a", interrupted=True)) == []


def test_failures_travel_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    failures = Failures(failed_jobs(ended("prepare a", "evidence")))
    failures.write(tmp_path / "failed.json")
    assert Failures.read(str(tmp_path / "failed.json")).jobs == failures.jobs
    assert not Failures.read(None)


def test_a_piece_is_left_out_only_where_that_is_asked_for(capsys: pytest.CaptureFixture) -> None:
    with left_out("x", lenient=True):
        raise RuntimeError("broken")
    assert capsys.readouterr().out.startswith("error: x is left out: RuntimeError: broken\n")
    with pytest.raises(RuntimeError), left_out("x", lenient=False):
        raise RuntimeError("broken")


def test_a_module_that_is_no_python_stops_only_what_imports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its source closure is read before anything starts."""
    (tmp_path / "broken.py").write_text("def (\n", encoding="utf-8")
    monkeypatch.setattr("base.closure.ROOT", tmp_path)
    assert closure("broken") == ["broken.py"]
