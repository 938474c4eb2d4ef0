"""What `make` shows of a run: counts, what runs, the time that is left; on a terminal and elsewhere."""

import io
import logging
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from checkout import ROOT
from snakemake_interface_logger_plugins.common import LogEvent

from workflow import progress
from workflow.progress import Job, LogHandler, Progress, duration, label

TEN = {("score", f"results/runs/quick/d/v{i}/r/scores.csv"): Job("score", f"v{i}", 60.0, False) for i in range(10)}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> LogHandler:
    """A handler that writes into a string: a terminal's where the test is parametrized so."""
    monkeypatch.setattr(sys, "stderr", getattr(request, "param", io.StringIO)())
    monkeypatch.setattr(progress, "REFRESH", 1e6)
    handler = LogHandler(SimpleNamespace(), None)
    yield handler
    handler.close()
    assert progress._active == []


def say(handler: LogHandler, event: LogEvent | None = None, level: int = logging.INFO, **known: object) -> None:
    """Hand a record over as Snakemake's queue does."""
    record = logging.LogRecord("snakemake.logging", level, "", 0, known.pop("message", ""), None, None)
    record.__dict__ |= known | {"event": event}
    handler.handle(record)


def begin(handler: LogHandler, number: int) -> None:
    rule, output = list(TEN)[number]
    say(handler, LogEvent.JOB_INFO, jobid=number, rule_name=rule, output=[output])


def end(handler: LogHandler, number: int, done: int, total: int = 10) -> None:
    say(handler, LogEvent.JOB_FINISHED, job_id=number)
    say(handler, LogEvent.PROGRESS, done=done, total=total)


def test_without_a_terminal_there_is_a_line_every_ten_per_cent(handler: LogHandler) -> None:
    handler.start(dict(TEN), 2, "log")
    for number in range(10):
        begin(handler, number)
        end(handler, number, number + 1)
    lines = handler.stream.getvalue().splitlines()
    assert lines[0] == "10 jobs on 2 cores, about 5 min; everything is written to log"
    assert [line[:19] for line in lines[1:3]] == [" 10 %  1 of 10 jobs", " 20 %  2 of 10 jobs"]
    assert len(lines) == 11
    assert lines[-1] == "100 %  10 of 10 jobs"


def test_many_jobs_make_no_more_lines_than_few(handler: LogHandler) -> None:
    handler.start({}, 2, "log")
    for number in range(215):
        end(handler, number, number + 1, 215)
    assert [line[:3] for line in handler.stream.getvalue().splitlines()[1:]] == [f"{p:3}" for p in range(10, 101, 10)]


@pytest.mark.parametrize("handler", [Terminal], indirect=True)
def test_on_a_terminal_one_line_moves_and_is_gone_in_the_end(handler: LogHandler) -> None:
    handler.start(dict(TEN), 2, "log")
    begin(handler, 0)
    begin(handler, 1)
    end(handler, 0, 1)
    assert re.search(r"\r\x1b\[K1 of 10 jobs  score v1  about 4 min left\r$", handler.stream.getvalue())
    say(handler, level=logging.WARNING, message="the disk is slow")
    assert handler.stream.getvalue().endswith("\r\x1b[Kthe disk is slow\n")
    end(handler, 1, 2)
    settled = threading.Event()
    say(handler, settled=settled)
    assert settled.is_set()
    assert handler.stream.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("handler", [Terminal], indirect=True)
def test_the_line_is_never_longer_than_the_terminal(handler: LogHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((30, 9)))
    handler.start(dict(TEN), 8, "log")
    for number in range(8):
        begin(handler, number)
    end(handler, 0, 1)
    drawn = handler.stream.getvalue().rpartition("\x1b[K")[2]
    assert len(drawn.removesuffix("\r")) == 29


def test_failures_are_counted_once_and_name_their_log(handler: LogHandler, tmp_path: Path) -> None:
    log = tmp_path / "score-v0.log"
    log.touch()
    handler.start(dict(TEN), 2, "log")
    begin(handler, 0)
    for _ in range(2):
        say(handler, LogEvent.JOB_ERROR, logging.ERROR, jobid=0, rule_name="score", log=[str(log)])
    begin(handler, 1)
    end(handler, 1, 1)
    shown = handler.stream.getvalue()
    assert f"failed: score; its log: {log}\n" in shown
    assert " 10 %  1 of 10 jobs, 1 failed" in shown


def test_errors_and_warnings_are_shown_whole_and_chatter_is_not(handler: LogHandler) -> None:
    say(handler, level=logging.ERROR, message="WorkflowError:\nfirst\nsecond", event=LogEvent.ERROR)
    say(handler, level=logging.WARNING, message="careful\nwith this")
    for chatter in ("Select jobs to execute...", "Execute 1 jobs...", "Using shell: /usr/bin/bash"):
        say(handler, message=chatter)
    say(handler, message="Nothing to be done (all requested files are present and up to date).")
    assert handler.stream.getvalue().splitlines() == [
        "WorkflowError:", "first", "second", "careful", "with this",
        "Nothing to be done (all requested files are present and up to date).",
    ]  # fmt: skip


def test_time_left_is_the_work_that_is_left() -> None:
    jobs = {("a", str(i)): Job("a", str(i), 100.0, False) for i in range(4)} | {("b", ""): Job("b", "", 50.0, True)}
    run = Progress(jobs, cores=2, total=5)
    assert run.left(0.0) == 4 * 100 / 2 + 50
    run.begin(1, "a", "0", now=0.0)
    run.begin(2, "a", "1", now=0.0)
    assert run.left(40.0) == (60 + 60 + 200) / 2 + 50
    run.end(1, now=100.0)
    assert run.left(100.0) == 200 / 2 + 50
    run.end(2, now=100.0, failed=True)  # tells nothing of the pace
    assert run.left(100.0) == 200 / 2 + 50


def test_time_left_learns_from_what_jobs_take_here() -> None:
    jobs = {("a", str(i)): Job("a", str(i), 100.0, False) for i in range(20)}
    run = Progress(dict(jobs), cores=1, total=20)
    for i in range(10):
        run.begin(i, "a", str(i), now=200.0 * i)
        run.end(i, now=200.0 * (i + 1))
    assert run.left(2000.0) == pytest.approx(2000, rel=0.15)  # twice as slow as foretold


def test_time_left_is_never_less_than_the_longest_job() -> None:
    run = Progress({("a", ""): Job("a", "", 900.0, False), ("b", ""): Job("b", "", 10.0, False)}, cores=16, total=2)
    assert run.left(0.0) == 900
    run.begin(1, "a", "", now=0.0)
    assert run.left(2000.0) == 10  # overdue: no negative times


def test_nothing_is_said_where_nothing_is_known() -> None:
    run = Progress({("a", ""): Job("a", "", 0.0, False)}, cores=2, total=1)
    assert run.left(0.0) is None
    assert run.line(0.0) == "0 of 1 jobs"
    assert Progress().left(0.0) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *[(0, "5 s"), (38, "40 s"), (56, "1 min"), (125, "2 min"), (3500, "58 min"), (3599, "1 h")],
        *[(11900, "3 h 20 min"), (5e5, "6 days")],
    ],
)  # fmt: skip
def test_times_are_told_to_a_sensible_digit(seconds: float, words: str) -> None:
    assert duration(seconds) == f"about {words}"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("results/runs/quick/synthetic-sh-like/mlp/baseline/seed0/run.json", "rule mlp"),
        ("results/efficiency/hdformer-counts.csv", "rule hdformer-counts"),
        ("data/prepared/synthetic-gt", "rule synthetic-gt"),
        ("", "rule"),
    ],
)
def test_a_job_is_named_by_its_rule_and_what_it_makes(output: str, words: str) -> None:
    assert label("rule", output) == words


def test_snakemake_by_hand_knows_nothing_of_it() -> None:
    """The display is make's alone, by `workflow.commands.run`: no plugin is installed, no profile asks for it."""
    listed = subprocess.run(
        [sys.executable, "-m", "snakemake", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--logger-progress" not in listed.stdout
    assert "logger" not in (ROOT / "workflow/profiles/default/profile.v9+.yaml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_make_on_a_terminal(checkout: object) -> None:
    """From the first line to the summary, which is last and whole; nothing of Snakemake's own between."""
    checkout.make("help")  # the environment
    seen = []

    def read(descriptor: int) -> bytes:
        seen.append(os.read(descriptor, 4096))
        return seen[-1]

    command = ["env", f"PYTHONPATH={checkout.folder}", "TERM=xterm", "make", "-C", str(checkout.folder)]
    command += [f"VENV={checkout.folder}-venv", "tables", "variants=mean-pose", "studies=posemamba"]
    assert pty.spawn(command, read, lambda _: b"") == 0
    shown = b"".join(seen).decode()
    assert re.search(r"\d+ jobs on \d+ cores.*; everything is written to \.snakemake/log/\S+\.log", shown)
    assert shown.count("\r\x1b[K") > 3
    assert "Select jobs" not in shown
    assert "Finished jobid" not in shown
    last = shown.rpartition("\x1b[K")[2].splitlines()
    assert re.match(r"\d+ tables, \d+ printed numbers:", last[0])
    assert last[-1].startswith("Look at results/quick/synthetic/") or last[-2].startswith("Look at")
    log = next((checkout / ".snakemake/log").glob("*.log")).read_text(encoding="utf-8")
    assert "rule train_run:" in log
    assert "Finished jobid" in log
