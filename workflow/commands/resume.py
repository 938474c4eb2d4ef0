"""Clear what a killed run left behind: Snakemake's lock and damaged notes. Training state stays: runs go on from it.

    python -m workflow resume

Refuses while another Snakemake is alive in this folder, here, in another container or on another host: unlocking under
it would let two of them write the same files.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil

from base.errors import InputError
from workflow.presence import Run, runs

LOCKS, UNFINISHED, NOTES = Path(".snakemake/locks"), Path(".snakemake/incomplete"), Path(".snakemake/metadata")
WORKERS = ("-m workflow run", "-m training.launch")  # processes of ours that write a run's files


def owners(folder: Path) -> list[int]:
    """Process ids of Snakemake and its jobs that work in `folder`, this process and its ancestors left out."""
    family = {psutil.Process().pid, *(p.pid for p in psutil.Process().parents())}
    ids = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if process.pid not in family and _is_snakemake(command) and Path(process.cwd()) == folder:
                ids.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue  # ended meanwhile, or another user's
    return ids


def _is_snakemake(command: list[str]) -> bool:
    """Whether a command line runs Snakemake or a script of one of its jobs."""
    named = any(Path(word).name == "snakemake" or ".snakemake/scripts/" in word for word in command)
    return named or any(worker in " ".join(command) for worker in WORKERS)


def release(folder: Path) -> None:
    """Unlock `folder` if nobody is alive in it. Raises InputError naming who is, or may be, otherwise.

    A note of Snakemake's that was removed is one that it never had: its file is judged by its time alone.
    """
    if busy := next(_busy(folder), None):
        raise InputError(busy)
    for left in [*(folder / LOCKS).glob("*.lock"), *damaged(folder), *(run.record for run in runs(folder))]:
        try:
            left.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{left}: cannot be removed ({error.strerror}); fix its folder's permissions") from None


def _busy(folder: Path) -> Iterator[str]:
    """Why nothing may be cleared in `folder`, each reason with its remedy."""
    if alive := owners(folder):
        yield (
            f"a Snakemake is still running in {folder} (process {', '.join(map(str, alive))}): "
            "wait for it, or stop it, before resuming"
        )
    for run in runs(folder):
        if run.alive:
            yield f"a run is still going on in {folder} ({run}): wait for it, or stop it there, before resuming"
        if run.alive is None:
            yield _unknown(folder, run)


def _unknown(folder: Path, run: Run) -> str:
    return (
        f"a run of another host may still be going on in {folder} ({run}), and cannot be seen from here: "
        f"once it has ended there, `rm {run.record.relative_to(folder)}` and resume"
    )


def locked(folder: Path) -> bool:
    """Whether a Snakemake holds `folder`, or held it when it was killed."""
    return any((folder / LOCKS).glob("*.lock"))


def damaged(folder: Path) -> list[Path]:
    """Snakemake's notes of earlier jobs that a crash of the machine damaged; Snakemake fails on some of them."""
    return [path for path in (folder / NOTES).rglob("*") if path.is_file() and not _is_note(path)]


def _is_note(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


def in_the_way(folder: Path) -> bool:
    """Whether what an earlier run left, or a run that still goes on, keeps the next one from starting."""
    return locked(folder) or bool(damaged(folder))


def earlier_run(folder: Path) -> str | None:
    """What a run that ended early, or that still goes on, means for the next one, with the remedy; None: nothing."""
    if busy := next(_busy(folder), None):
        return busy
    if locked(folder):
        return "a killed run left its lock here: `make resume` continues where it stopped"
    if notes := damaged(folder):
        return f"{NOTES} holds {len(notes)} damaged notes of earlier jobs: `make resume` removes them and continues"
    unfinished = sum(1 for path in (folder / UNFINISHED).rglob("*") if path.is_file())
    if unfinished:
        return f"an earlier run was stopped: `make` makes the {unfinished} files again that it did not finish"
    return None


def main(_: list[str]) -> None:
    """Release this folder."""
    release(Path.cwd())
