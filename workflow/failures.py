"""A run of the workflow in which jobs failed: everything else is made all the same, and the report says what failed.

Snakemake runs nothing that waits for a failed job, and the tables wait for all of them. So a run that ends with failed
jobs goes on (`go_on`): the same workflow runs again, told by a file what failed, and rules that gather (GATHERING) take
what there is. Whatever fails in that run is left out of a next one, until one ends well. A job of several pieces is
tried once more piece by piece: the seeds of an experiment, or families of models, as jobs of their own (APART), or
leaving out what fails (LENIENT). The exit status stays that of the failure. The next run knows nothing of it: it tries
again what failed, and makes the report anew once that ends well. Only outputs that are missing count, so that a job
which was killed, by whatever, has failed like any other.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from base.files import write_text
from studies.places import LOGS, RUN_JSON

VARIABLE = "SSMPOSE_FAILED"  # the environment names the file of a run that goes on
# Rules that can do without some of their inputs, and those whose jobs are tried once more in pieces.
GATHERING = {"score", "heatmaps", "measurements", "comparisons", "figures", "tables", "audit", "site"}
GATHERING |= {"crate", "judge", "regression", "orders"}
APART = {"train_run": RUN_JSON, "count": "counts.csv", "speed": "speed.csv"}  # and what each piece of it makes
LENIENT = {"evidence", "fingerprints", "first_steps", "speed_ratios", "figures", "heatmaps"}
STARTED = time.time()


@dataclass(frozen=True)
class FailedJob:
    """A job that failed.

    name : rule and wildcards; log, why : its log, and the line in it that tells the reason
    outputs : what it should have made; waiting : outputs of jobs that were not run for want of them
    again : it was tried once more in pieces, and its outputs are not lost with it
    """

    rule: str
    name: str
    log: str
    why: str
    outputs: tuple[str, ...]
    waiting: tuple[str, ...]
    again: bool = False


class Failures:
    """The jobs that failed before in this run; none at its beginning."""

    def __init__(self, jobs: Iterable[FailedJob] = ()) -> None:
        self.jobs = tuple(jobs)
        self._lost = {path: job for job in self.jobs if not job.again for path in (*job.outputs, *job.waiting)}
        self._again = {path for job in self.jobs if job.again for path in job.outputs}

    def __bool__(self) -> bool:
        return bool(self.jobs)

    @classmethod
    def read(cls, path: str | None) -> "Failures":
        """Those of the file that `VARIABLE` names; none without."""
        if path is None:
            return cls()
        jobs = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(FailedJob(**{key: tuple(v) if isinstance(v, list) else v for key, v in job.items()}) for job in jobs)

    def write(self, path: str | Path) -> None:
        write_text(Path(path), json.dumps([asdict(job) for job in self.jobs], indent=1) + "\n")

    def cause(self, path: str) -> FailedJob | None:
        """The failed job for want of which a file will not be made."""
        return self._lost.get(path)

    def made(self, paths: Iterable[str]) -> list[str]:
        """Those of some files that are there or will be."""
        return [path for path in paths if path not in self._lost]

    def lenient(self, path: str) -> bool:
        """Whether the job of that output is to leave out what fails."""
        return path in self._again

    def apart(self, rule: str) -> bool:
        """Whether the pieces of that rule's jobs are jobs of their own."""
        return any(job.rule == rule and job.again for job in self.jobs)

    @property
    def final(self) -> list[FailedJob]:
        """What there is to tell: of jobs whose pieces became jobs of their own, those pieces."""
        return [job for job in self.jobs if not (job.again and job.rule in APART)]


def failed_jobs(workflow: Any) -> list[FailedJob]:
    """The jobs that failed in a run of Snakemake's `workflow`; none where it was interrupted."""
    failed, dag = workflow.scheduler.failed, workflow.dag
    waiting: dict[Any, list[str]] = {job: [] for job in failed}
    for job in (job for job in dag.needrun_jobs() if job not in failed):
        causes = [other for other in dag.bfs(dag.dependencies, job) if other in failed]
        if not causes:  # it could have been run
            return []
        for cause in causes if job.rule.name not in GATHERING else ():
            waiting[cause] += map(str, job.output)
    first = VARIABLE not in os.environ
    jobs = (_failed(job, tuple(dict.fromkeys(paths)), first) for job, paths in waiting.items())
    return sorted(jobs, key=lambda job: job.name)


def _failed(job: Any, waiting: tuple[str, ...], first: bool) -> FailedJob:
    rule, outputs = job.rule.name, tuple(map(str, job.output))
    several = rule in APART and sum(path.endswith(APART[rule]) for path in outputs) > 1
    log = str(job.log[0]) if job.log else ""
    name = " ".join([rule, *map(str, job.wildcards)])
    return FailedJob(rule, name, log, reason(Path(log)), outputs, waiting, first and (several or rule in LENIENT))


def reason(log: Path, since: float = STARTED) -> str:
    """Why a job failed, by its log: what it says itself, or the end of its traceback."""
    if not log.is_file() or log.stat().st_mtime < since:
        return "it ended before it wrote to its log"
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if errors := [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]:
        return errors[0]
    if any(line.startswith("Traceback ") for line in lines):
        return lines[-1]
    return "it was killed by hand, or ran out of memory or time"


def go_on(workflow: Any, chosen: Mapping[str, Any], name: str) -> list[str]:
    """Make what can be made without the jobs that failed; lines for the terminal.

    workflow : Snakemake's, at its end; chosen : what its command line chose of the config; name : of the report
    """
    failures = [*Failures.read(os.environ.get(VARIABLE)).jobs, *failed_jobs(workflow)]
    if VARIABLE in os.environ:
        Failures(failures).write(os.environ[VARIABLE])
        return []
    path, log = Path(LOGS, f"failed-{name}.json"), Path(LOGS, f"report-{name}.log")
    configured = write_text(Path(LOGS, f"config-{name}.json"), json.dumps(chosen))
    ended, count = False, 0
    while len(failures) > count and not ended and (targets := _targets(workflow, failures)) is not None:
        if not count:
            _remove_outdated(workflow)
        count = len(failures)
        Failures(failures).write(path)
        ended = _run(workflow, targets, configured, path, log)
        failures = list(Failures.read(str(path)).jobs)
    return _closing_lines(Failures(failures), None if ended else log) if count else []


def _targets(workflow: Any, failures: list[FailedJob]) -> list[str] | None:
    """What was asked for, less what failed itself; None where nothing is left, or nothing failed."""
    asked, lost = list(workflow.dag_settings.targets), Failures(failures)
    rules = {job.rule for job in failures if not job.again}
    left = [target for target in lost.made(asked) if target not in rules]
    return left if failures and (left or not asked) else None


def _run(workflow: Any, targets: list[str], configured: Path, path: Path, log: Path) -> bool:
    """Run the workflow once more, on this machine; whether it ended well."""
    command = [sys.executable, "-m", "snakemake", "--nolock", "--workflow-profile", "workflow/profiles/default"]
    command += ["--cores", str(workflow.resource_settings.cores or os.cpu_count()), "--configfile", str(configured)]
    with log.open("w", encoding="utf-8") as file:
        environment = os.environ | {VARIABLE: str(path)}
        return not subprocess.run([*command, "--", *targets], stdout=file, stderr=file, env=environment).returncode


def _remove_outdated(workflow: Any) -> None:
    """Remove reports and scores that could not be made anew: nothing in them says that they are of another run.

    Trained networks stay.
    """
    for job in workflow.dag.needrun_jobs():
        for path in map(Path, job.output if job.rule.name in GATHERING else ()):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _closing_lines(failures: Failures, log: Path | None) -> list[str]:
    """Lines for the terminal; log: of the run that should have made the report, where it did not."""
    lines = [f"failed: {job.name}: {job.why}{f' ({job.log})' if job.log else ''}" for job in failures.final]
    if log is not None:
        return [*lines, f"failed: the report that should say so, see {log}"]
    count = len(failures.final)
    well = "the failed job succeeded when its seeds were trained one by one"
    return [*lines, f"{count} failed job{'s' * (count > 1)}; everything else is made" if count else well]
