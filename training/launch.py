"""Train a run that a JSON file describes (`training.job.Job`): python -m training.launch job.json, or several processes

torchrun --standalone --nproc-per-node 2 -m training.launch job.json
"""

import subprocess
import sys
from pathlib import Path

import torch

from base.errors import InputError
from base.files import write_text
from training.job import Job
from training.run import train
from training.team import team


def train_job(job: Job) -> None:
    """Train a job as a member of the team that this process is in."""
    torch.set_num_threads(job.threads)
    with team() as members:
        train(job, members)


def launch(job: Job, processes: int) -> None:
    """Train a job in this process, or in several that torchrun starts. Raises InputError where they fail."""
    if processes == 1:
        return train_job(job)
    path = write_text(job.state / "job.json", job.to_json())
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    result = subprocess.run(
        [*command, "-m", "training.launch", str(path)], stdout=sys.stdout, stderr=sys.stderr, check=False
    )
    if result.returncode:
        raise InputError(f"{job.run}: one of {processes} processes failed; the log says why")


def read_job(arguments: list[str]) -> Job:
    """The job of the file that a command line names. Raises InputError for another command line, or no such file."""
    if len(arguments) != 1:
        raise InputError("give one file: python -m training.launch job.json")
    try:
        return Job.from_json(Path(arguments[0]).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{arguments[0]}: cannot be read ({error}); check the path") from None
    except InputError as error:
        raise InputError(f"{arguments[0]}: {error}") from None


if __name__ == "__main__":
    try:
        train_job(read_job(sys.argv[1:]))
    except InputError as error:
        sys.exit(f"error: {error}")
