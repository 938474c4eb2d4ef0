"""Clear what a killed run left behind: Snakemake's lock. Training state stays: it is what the runs go on from.

    python -m workflow.resume             clear the lock
    python -m workflow.resume --advice    only say whether that is what is needed

Refuses while another Snakemake is alive in this folder: unlocking under it would let two of them write the same files.
"""

import subprocess
import sys
from pathlib import Path

import psutil

from studies.errors import InputError


def owners(folder: Path) -> list[int]:
    """Process ids of Snakemake processes that work in `folder`, this process and its ancestors left out."""
    mine = {psutil.Process().pid, *(p.pid for p in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if process.pid not in mine and _is_snakemake(command) and Path(process.cwd()) == folder:
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue  # ended meanwhile, or another user's
    return found


def _is_snakemake(command: list[str]) -> bool:
    """Whether a command line runs Snakemake or a script of one of its jobs."""
    return any(Path(part).name == "snakemake" or ".snakemake/scripts/" in part for part in command)


def release(folder: Path) -> None:
    """Unlock `folder` if nobody is alive in it. Raises InputError naming the processes otherwise."""
    if alive := owners(folder):
        raise InputError(
            f"a Snakemake is still running in {folder} (process {', '.join(map(str, alive))}): "
            "wait for it, or stop it, before resuming"
        )
    if locked(folder):
        subprocess.run(
            [Path(sys.executable).parent / "snakemake", "--unlock", "--quiet", "all"], cwd=folder, check=True
        )


def locked(folder: Path) -> bool:
    """Whether a Snakemake holds `folder`, or held it when it was killed."""
    return any((folder / ".snakemake/locks").glob("*"))


def advice(folder: Path) -> str:
    """What to do after a failed run: one line if a dead run's lock is in the way, else nothing."""
    dead = locked(folder) and not owners(folder)
    return "a killed run left its lock here: `make resume` goes on from where it stopped" if dead else ""


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["--advice"]:
            sys.exit(advice(Path.cwd()) or 0)
        else:
            release(Path.cwd())
    except InputError as error:
        sys.exit(f"error: {error}")
