"""Train a run that a JSON file describes: python -m training.launch job.json, or with several processes

    torchrun --standalone --nproc-per-node 2 -m training.launch job.json

The file has the arguments of `training.lifting.train_lifting` or, on video, of `training.video.train_video`.
"""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import torch

from base.errors import InputError
from base.files import write_text
from studies.data import LIFTING, VIDEO
from studies.recipes import RunSpec
from training.team import team

PATHS = ("data", "run", "state", "weights", "features", "published")
TASKS = {LIFTING: ("training.lifting", "train_lifting"), VIDEO: ("training.video", "train_video")}


def train_job(job: dict) -> None:
    """Train what a job describes, as a member of the team that this process is in."""
    spec = RunSpec.from_json(job["spec"])
    module, function = TASKS[spec.dataset.kind]
    torch.set_num_threads(job.get("threads", 1))
    arguments = {key: Path(job[key]) for key in PATHS if job.get(key)}
    with team() as mine:
        getattr(import_module(module), function)(
            RunSpec.from_json(job["spec"]), sources=job.get("sources", ()), team=mine, **arguments
        )


def launch(job: dict, processes: int) -> None:
    """Train a job in this process, or in several that torchrun starts. Raises InputError where they fail."""
    if processes == 1:
        return train_job(job)
    path = write_text(Path(job["state"]) / "job.json", json.dumps(job))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    result = subprocess.run(
        [*command, "-m", "training.launch", str(path)], stdout=sys.stdout, stderr=sys.stderr, check=False
    )
    if result.returncode:
        raise InputError(f"{job['run']}: one of {processes} processes failed; the log says why")


if __name__ == "__main__":
    try:
        train_job(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    except InputError as error:
        sys.exit(f"error: {error}")
