"""How far the workflow is, on one line: a logger for Snakemake, used by `make` alone (`make`).

On a terminal the line moves: jobs done of all, what runs now, the time that is left. Elsewhere a line is printed every
ten per cent. Warnings and errors are shown whole; all of it is in Snakemake's log file, whose path is told first.
"""

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from logging import LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from studies.places import experiment_of
from studies.plan import Plan
from workflow.forecast import TRAINING, complete_forecast, duration, job_seconds, wall_seconds

REFRESH = 1.0  # seconds from one picture of the moving line to the next
STEP = 10  # per cent of the jobs, from one printed line to the next
TRUST = 300.0  # seconds of work after which what jobs took here weighs as much as what they were expected to take
ERASE = "\r\x1b[K"
MENTIONED = ("Nothing to be done", "Terminating processes")  # beginnings of what Snakemake says that people wait for
_active: list["LogHandler"] = []


@dataclass(frozen=True)
class Job:
    """A job as it was announced. seconds: how long it is expected to take; alone: it takes all cores."""

    rule: str
    output: str
    seconds: float
    alone: bool


@dataclass
class Progress:
    """Counts and times of one run of the workflow. expected: jobs by (rule, first output), before they have begun."""

    expected: dict[tuple[str, str], Job] = field(default_factory=dict)
    cores: int = 1
    total: int = 0
    done: int = 0
    running: dict[int, tuple[Job, float]] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    worked: float = 0.0  # seconds that ended jobs took, and what they were expected to take
    expected_of_them: float = 0.0

    def begin(self, number: int, rule: str, output: str, now: float) -> None:
        """A job has begun."""
        self.running[number] = (self.expected.pop((rule, output), Job(rule, output, 0.0, False)), now)

    def end(self, number: int, now: float, failed: bool = False) -> None:
        """A job has ended, well or not."""
        job, began = self.running.pop(number, (None, now))
        if failed:
            self.failed.add(number)
        elif job and job.seconds:
            self.worked += now - began
            self.expected_of_them += job.seconds

    def left(self, now: float) -> float | None:
        """Seconds until the last job ends, or None where nothing is known of the jobs.

        The work of the jobs that are left, corrected by what ended jobs took beyond what they were expected to take.
        """
        jobs = [(job, 0.0) for job in self.expected.values()]
        jobs += [(job, now - began) for job, began in self.running.values()]
        if not any(job.seconds for job, _ in jobs):
            return None
        pace = (self.worked + TRUST) / (self.expected_of_them + TRUST)
        return wall_seconds([(max(pace * job.seconds - spent, 0.0), job.alone) for job, spent in jobs], self.cores)

    def line(self, now: float) -> str:
        """`12 of 215 jobs  count peers-mixste, score mlp  about 14 min left`."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        names = ", ".join(dict.fromkeys(label(job.rule, job.output) for job, _ in self.running.values()))
        seconds = self.left(now)
        parts = (f"{self.done} of {self.total} jobs{failed}", names, f"{duration(seconds)} left" if seconds else "")
        return "  ".join(filter(None, parts))


def label(rule: str, output: str) -> str:
    """A job in a word or two: its rule, and the folder or file that tells it from others of that rule."""
    if experiment := experiment_of(output):
        return f"{rule} {experiment.variant}"
    return f"{rule} {Path(output).name.partition('.')[0]}" if output else rule


class LogHandler(LogHandlerBase):
    """Snakemake's records in, the line out. It is called in a thread of its own, in the order of the records."""

    def __post_init__(self) -> None:
        self.progress = Progress()
        self.stream = sys.stderr
        self.moving = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.began = time.monotonic()
        self.next_line = STEP
        self.drawn = False
        self.ended = threading.Event()
        _active.append(self)
        if self.moving:
            threading.Thread(target=self._redraw, daemon=True).start()

    writes_to_stream = True
    writes_to_file = False
    has_filter = True  # none: every record arrives
    has_formatter = False
    needs_rulegraph = False

    def emit(self, record: LogRecord) -> None:
        """Take a record into the counts, and show what has to be shown."""
        event, now = getattr(record, "event", None), time.monotonic()
        if settled := getattr(record, "settled", None):
            self._finish()
            settled.set()
        elif event == LogEvent.JOB_INFO:
            self.progress.begin(record.jobid, record.rule_name, next(iter(record.output or []), ""), now)
        elif event == LogEvent.JOB_FINISHED:
            self.progress.end(record.job_id, now)
        elif event == LogEvent.JOB_ERROR:
            self.progress.end(record.jobid, now, failed=True)
            logs = ", ".join(path for path in record.log if Path(path).exists())
            self._print(f"failed: {record.rule_name}" + (f"; its log: {logs}" if logs else ""))
        elif event == LogEvent.PROGRESS:
            self.progress.done, self.progress.total = record.done, record.total
            self._advance(now)
        elif record.levelno >= logging.WARNING or (event is None and record.getMessage().startswith(MENTIONED)):
            self._print(self.format(record))

    def start(self, jobs: dict[tuple[str, str], Job], cores: int, log: str) -> None:
        """The run begins: what is to do, on how many cores, and where everything will be written down."""
        with self.lock:
            self.progress.expected, self.progress.cores, self.progress.total = jobs, cores, len(jobs)
            seconds = self.progress.left(time.monotonic())
            told = f", {duration(seconds)}" if seconds else ""
            self._print(f"{len(jobs)} jobs on {cores} cores{told}; everything is written to {log}")

    def _advance(self, now: float) -> None:
        percent = 100 * self.progress.done // max(1, self.progress.total)
        if self.moving:
            self._draw(now)
        elif percent >= self.next_line:
            self.next_line = percent - percent % STEP + STEP
            self._print(f"{percent:3} %  {self.progress.line(now)}")

    def _redraw(self) -> None:
        while not self.ended.wait(REFRESH):
            with self.lock:
                if self.progress.total and not self.ended.is_set():
                    self._draw(time.monotonic())

    def _draw(self, now: float) -> None:
        """The cursor stays at the beginning: what a job prints itself takes the line's place."""
        width = shutil.get_terminal_size().columns - 1
        self.stream.write(f"{ERASE}{self.progress.line(now)[:width]}\r")
        self.stream.flush()
        self.drawn = True

    def _print(self, text: str) -> None:
        self.stream.write(f"{ERASE if self.drawn else ''}{text}\n")
        self.stream.flush()
        self.drawn = False

    def _finish(self) -> None:
        self.ended.set()
        if self.drawn:
            self.stream.write(ERASE)
            self.stream.flush()
            self.drawn = False

    def close(self) -> None:
        """Take the line away."""
        self._finish()
        if self in _active:
            _active.remove(self)
        super().close()


def begin(plan: Plan, workflow: Any, log: Sequence[str]) -> None:
    """Tell the display, where there is one, what will run and how long it will take.

    workflow : Snakemake's; log: the files it writes. Raises InputError as `complete_forecast` does.
    """
    if not _active:
        return
    jobs = [(job.rule.name, next(map(str, job.output), ""), job.threads) for job in workflow.dag.needrun_jobs()]
    forecast = complete_forecast(plan) if any(rule in TRAINING for rule, *_ in jobs) else None
    seconds, cores = job_seconds(plan, [job[:2] for job in jobs], forecast), workflow.cores or 1
    took = zip(jobs, seconds, strict=True)
    known = {(rule, output): Job(rule, output, s, threads >= cores > 1) for (rule, output, threads), s in took}
    for handler in _active:
        handler.start(known, cores, ", ".join(map(os.path.relpath, log)))


def settle() -> None:
    """Wait until everything that was logged is shown and the line is gone: what is printed next is the last word."""
    if _active:
        settled = threading.Event()
        logging.getLogger("snakemake.logging").info("", extra={"settled": settled})
        settled.wait(timeout=10)
