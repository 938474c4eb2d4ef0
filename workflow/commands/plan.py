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
from pathlib import Path

from base.errors import InputError
from base.reading import read_yaml, with_choices
from studies.config import checked_config
from studies.plan import Experiment, Plan, make_plan
from workflow.commands.resume import earlier_run, in_the_way
from workflow.forecast import TRAINING, Forecast, complete_forecast, job_seconds, trust

ALONE = ("speed", "speed_ratios", "scaling_length", "scaling_tokens")  # rules whose jobs ask for all cores
LONG = 2 * 3600  # seconds that are told in hours
RUN = re.compile(r"results/runs/\w+/(?P<dataset>[^/]+)/(?P<variant>[^/]+)/(?P<recipe>[^/]+)/seed(?P<seed>\d+)/")


def jobs(text: str) -> list[dict[str, str]]:
    """Jobs in the text of a dry run, each with `rule`, `output` and `reason`; targets without output are left out."""
    found = []
    for block in re.split(r"^\[.*\]\n", text, flags=re.MULTILINE)[1:]:
        lines = dict(re.findall(r"^    (output|reason): (.*)$", block, flags=re.MULTILINE))
        rule = re.match(r"(?:local)?(?:rule|checkpoint) (\w+):", block)
        if rule and "output" in lines:
            found.append({"rule": rule.group(1), "output": lines["output"], "reason": lines.get("reason", "")})
    return found


def describe(job: dict[str, str]) -> str:
    """One line of a job: its rule, what it makes, and the cause in short."""
    made = job["output"].split(", ")[0]
    if runs := runs_of(job):
        experiment, seeds = runs[0][0], ", ".join(str(seed) for _, seed in runs)
        made = f"{experiment.variant} on {experiment.dataset}, recipe {experiment.recipe}, "
        made += f"seed{'s' * (len(runs) > 1)} {seeds}"
    clauses = [_shorten(clause) for clause in job["reason"].split("; ")]
    return f"  {job['rule']:<13} {made}  ({'; '.join(clauses)})"


def runs_of(job: dict[str, str]) -> list[tuple[Experiment, int]]:
    """Experiment and seed of each run that a job trains."""
    found = dict.fromkeys(match.group("dataset", "variant", "recipe", "seed") for match in RUN.finditer(job["output"]))
    return [(Experiment(*names), int(seed)) for *names, seed in found] if job["rule"] in TRAINING else []


def _shorten(clause: str) -> str:
    """`Missing output files: a, b, c` -> `missing output files`; files that changed are named, the first of them."""
    cause, _, files = clause.partition(": ")
    names = files.split(", ") if files else []
    if cause.startswith("Updated input files") and names:
        return f"changed: {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    return cause[:1].lower() + cause[1:]


def preview(plan: Plan, todo: list[dict[str, str]], forecast: Forecast) -> str:
    """All lines: a line a job, counts a rule, and how long it will take."""
    if not todo:
        return "nothing to do: everything is up to date"
    counts = Counter(job["rule"] for job in todo)
    named = [(job["rule"], job["output"].split(", ")[0]) for job in todo]
    seconds = job_seconds(plan, named, forecast)
    cores = os.cpu_count() or 1
    trained = [run for job in todo for run in runs_of(job)]
    estimates = [forecast.run(experiment) for experiment, _ in trained]
    whole, seen = (sum(e.seconds for e in estimates if e and e.history >= history) / 3600 for history in (0, 1))
    timed = list(zip(named, seconds, strict=True))
    return "\n".join(
        [
            *map(describe, todo),
            f"{len(todo)} jobs: " + ", ".join(f"{n} {rule}" for rule, n in counts.most_common()),
            f"about {duration(timed, cores)} on {cores} core{'s' * (cores > 1)}",
            *([trust(seen, whole, plan.config["processes"])] if trained else []),
        ]
    )


def duration(jobs: list[tuple[tuple[str, str], float]], cores: int) -> str:
    """In words how long jobs take beside each other, those alone that take all cores."""
    alone = sum(seconds for (rule, _), seconds in jobs if rule in ALONE)
    rest = [seconds for (rule, _), seconds in jobs if rule not in ALONE]
    seconds = alone + max(sum(rest) / cores, *rest, 0.0)
    return f"{seconds / 3600:,.1f} h" if seconds >= LONG else f"{max(1, round(seconds / 60))} min"


def main(arguments: list[str]) -> None:
    """Print the preview of the config with `key=value` overrides; raises InputError for what Snakemake refuses."""
    plan = make_plan(checked_config(with_choices(read_yaml("config.yaml"), arguments)))
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
