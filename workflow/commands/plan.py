"""A dry run that a person can read: what would run, why, and about how long it will take.

    python -m workflow plan [key=value ...]

Snakemake's own `--dry-run` says the same with every input file. How long it takes `workflow.forecast` says.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from base.errors import InputError
from studies.config import read_config
from studies.data import Experiment
from studies.places import run_of
from studies.plan import Plan, make_plan
from workflow.commands.resume import earlier_run, in_the_way
from workflow.forecast import TRAINING, Forecast, complete_forecast, duration, job_seconds, trust, wall_seconds

ALONE = ("speed", "speed_ratios", "scaling_length", "scaling_tokens")  # rules whose jobs ask for all cores


@dataclass(frozen=True)
class Job:
    """A job of a dry run: its rule, the files that it makes, and why it would run."""

    rule: str
    outputs: tuple[str, ...]
    reason: str

    @property
    def runs(self) -> list[tuple[Experiment, int]]:
        """Experiment and seed of each run that it trains."""
        return list(dict.fromkeys(filter(None, map(run_of, self.outputs)))) if self.rule in TRAINING else []

    def __str__(self) -> str:
        """One line: its rule, what it makes, and the cause in short."""
        made = self.outputs[0]
        if self.runs:
            seeds = ", ".join(str(seed) for _, seed in self.runs)
            made = f"{self.runs[0][0]}, seed{'s' * (len(self.runs) > 1)} {seeds}"
        clauses = [_shorten(clause) for clause in self.reason.split("; ")]
        return f"  {self.rule:<13} {made}  ({'; '.join(clauses)})"


def jobs(text: str) -> list[Job]:
    """Jobs in the text of a dry run; targets without output are left out."""
    listed = []
    for block in re.split(r"^\[.*\]\n", text, flags=re.MULTILINE)[1:]:
        lines = dict(re.findall(r"^    (output|reason): (.*)$", block, flags=re.MULTILINE))
        rule = re.match(r"(?:local)?(?:rule|checkpoint) (\w+):", block)
        if rule and "output" in lines:
            listed.append(Job(rule.group(1), tuple(lines["output"].split(", ")), lines.get("reason", "")))
    return listed


def _shorten(clause: str) -> str:
    """`Missing output files: a, b, c` -> `missing output files`; files that changed are named, the first of them."""
    cause, _, files = clause.partition(": ")
    names = files.split(", ") if files else []
    if cause.startswith("Updated input files") and names:
        return f"changed: {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    return cause[:1].lower() + cause[1:]


def preview(plan: Plan, todo: list[Job], forecast: Forecast) -> str:
    """All lines: a line a job, counts a rule, and how long it will take."""
    if not todo:
        return "nothing to do: everything is up to date"
    counts, cores = Counter(job.rule for job in todo), os.cpu_count() or 1
    seconds = job_seconds(plan, [(job.rule, job.outputs[0]) for job in todo], forecast)
    timed = zip(seconds, (job.rule in ALONE for job in todo), strict=True)
    trained = [run for job in todo for run in job.runs]
    estimates = [forecast.run(experiment) for experiment, _ in trained]
    whole, seen = (sum(e.seconds for e in estimates if e and e.history >= history) / 3600 for history in (0, 1))
    return "\n".join(
        [
            *map(str, todo),
            f"{len(todo)} jobs: " + ", ".join(f"{n} {rule}" for rule, n in counts.most_common()),
            f"{duration(wall_seconds(timed, cores))} on {cores} core{'s' * (cores > 1)}",
            *([trust(seen, whole, plan.config.processes)] if trained else []),
        ]
    )


def main(arguments: list[str]) -> None:
    """Print the preview of the config with `key=value` overrides; raises InputError for what Snakemake refuses."""
    plan = make_plan(read_config(arguments))
    with tempfile.TemporaryFile("w+") as printed:
        snakemake = subprocess.Popen(_dry_run(arguments), stdout=printed, stderr=subprocess.STDOUT)
        forecast = complete_forecast(plan)  # meanwhile
        failed = snakemake.wait()
        printed.seek(0)
        text = printed.read()
    told = earlier_run(Path.cwd())
    if failed:
        raise InputError(told if in_the_way(Path.cwd()) else text.strip().splitlines()[-1].removeprefix("error: "))
    if told:
        print(f"note: {told}")
    print(preview(plan, jobs(text), forecast))


def _dry_run(arguments: list[str]) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--rerun-incomplete", "all"]
    return [*command, *(["--config", *arguments] if arguments else [])]
