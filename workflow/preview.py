"""A dry run that a person can read: what would run, why, and about how long the trainings will take.

    python -m workflow.preview [key=value ...]

Snakemake's own `--dry-run` says the same with every input file. The times are rough: those of another seed of the same
experiment where one has run here, else from the size of the net.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from studies.config import checked_config
from studies.errors import InputError
from studies.foreign import data_files
from studies.plan import Experiment, Plan, make_plan
from studies.reading import read_yaml, with_choices
from studies.terminal import command
from studies.video import on_video
from workflow.resume import earlier_run, in_the_way

SECONDS_TO_START = 4.0  # imports, reading data, predictions
SECONDS_A_UPDATE = 2e-9  # one state of one channel, forward and backward, all else included (two cores, AVX-512)
SECONDS_A_STEP = 0.01  # the least that a step takes
DIRECTIONS, STATES, EXPANSION, JOINTS = 4, 16, 2, 17
# Video: one number of one token at 1/4 of the image, all blocks, forward and backward.
SECONDS_A_FEATURE, STEPS_OF_AN_EPOCH = 4e-7, 400
TRAINING = ("train_run", "train_video", "pretrain")
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


def training_seconds(plan: Plan, experiment: Experiment, seed: int) -> float:
    """Predicted seconds of one training: another seed's measured time where there is one, else from its size."""
    folder = Path("results/runs", plan.config["scale"], experiment.dataset, experiment.variant, experiment.recipe)
    for record in data_files(folder, "seed*/run.json"):
        return json.loads(record.read_text(encoding="utf-8"))["seconds"]["whole"]
    spec = plan.spec(experiment, seed)
    hyper, recipe = spec["hyper"], spec["recipe"]
    if on_video(experiment.dataset):
        return SECONDS_TO_START + _video_seconds(hyper, recipe)
    blocks = 2 * hyper["depth"] if "drop_path" in hyper else 0
    tokens = recipe["batch"] * hyper["frames"] * JOINTS
    updates = tokens * DIRECTIONS * EXPANSION * hyper.get("width", 0) * STATES * blocks
    step = max(SECONDS_A_STEP * max(1, blocks / 4), SECONDS_A_UPDATE * updates)
    return SECONDS_TO_START + recipe["epochs"] * recipe["steps"] * step


def _video_seconds(hyper: dict, recipe: dict) -> float:
    """Predicted seconds of training alone; where an epoch is the whole data set, its size is a guess."""
    tokens = hyper["frames"] * hyper.get("image_height", 256) * hyper.get("image_width", 192) / 16
    clips = recipe["epochs"] * (recipe["steps"] or STEPS_OF_AN_EPOCH) * recipe["batch"]
    return clips * tokens * hyper.get("width", 256) * SECONDS_A_FEATURE


def preview(plan: Plan, text: str) -> str:
    """All lines: a line a job, counts a rule, and the predicted time of the trainings."""
    todo = jobs(text)
    if not todo:
        return "nothing to do: everything is up to date"
    counts = Counter(job["rule"] for job in todo)
    seconds = sum(training_seconds(plan, *run) for job in todo for run in runs_of(job))
    cores = os.cpu_count() or 1
    return "\n".join(
        [
            *map(describe, todo),
            f"{len(todo)} jobs: " + ", ".join(f"{n} {rule}" for rule, n in counts.most_common()),
            f"training takes about {seconds / cores / 60:.0f} min on {cores} cores (a rough estimate)",
        ]
    )


def main(arguments: list[str]) -> None:
    """Print the preview of the config with `key=value` overrides; raises InputError for what Snakemake refuses."""
    plan = make_plan(checked_config(with_choices(read_yaml("config.yaml"), arguments)))
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--rerun-incomplete", "all"]
    command += ["--config", *arguments] if arguments else []
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    told = earlier_run(Path.cwd())
    if result.returncode and in_the_way(Path.cwd()):
        raise InputError(told)
    if result.returncode:
        last = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1]
        raise InputError(last.removeprefix("error: "))
    if told:
        print(f"note: {told}")
    print(preview(plan, result.stdout + result.stderr))


if __name__ == "__main__":
    command(main, "python -m workflow.preview [key=value ...]    what would run, why, and about how long")
