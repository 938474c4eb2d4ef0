"""How fast this tree's kernels and a network are, as ratios to the baseline's own code, timed in turns on this machine.

    python -m workflow.measuring.speed_ratios REVISION     # prints them; 1.05: takes 5 % longer than at that revision

A time says nothing on another machine, and a ratio to some other workload changes from one processor to the next. So
the code of the baseline's revision is taken out of git, builds its own kernels with the same compiler, and takes turns
with the present code: one process each, on the same core. Of each the quickest turn counts, since whatever else the
machine does only ever adds. Where its arrays happen to lie in memory costs a process up to a seventh of its speed, for
as long as it lives: so several pairs of processes are measured, and what seems slower is measured by more of them.

Looked at besides: pytest-benchmark compares files of absolute times; asv takes turns with another commit as we do, for
a whole environment a commit.
"""

import math
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pandas as pd

from base import ROOT
from base.errors import InputError, left_out
from base.files import write_csv
from base.git import git
from base.terminal import command
from workflow.measuring.workloads import WORKLOADS, noise

COLUMNS = ("workload", "ratio", "noise", "pairs", "seconds", "revision", "device", "why")
PAIRS, MOST_PAIRS = 4, 8  # of processes: for every workload, and for one that seems slower by more than noise
TURNS, TURN_SECONDS = 10, 0.03  # of a pair, for each workload


def speed_ratios(tree: Path, base: Path, names: Sequence[str] = WORKLOADS) -> Iterator[dict]:
    """Ratio of each workload's time in `tree` to that in `base` (folders with the project's code), seconds in `tree`.

    pairs: how many pairs of processes measured it.
    """
    quickest = dict.fromkeys(names, (math.inf, math.inf))
    pairs = dict.fromkeys(names, 0)
    for pair in range(MOST_PAIRS):
        wanted = [name for name, (now, then) in quickest.items() if pair < PAIRS or now > (1 + noise(name)) * then]
        for name, times in _measure(tree, base, wanted):
            quickest[name] = tuple(map(min, quickest[name], times))
            pairs[name] += 1
    for name, (now, then) in quickest.items():
        yield {"workload": name, "ratio": now / then, "pairs": pairs[name], "seconds": now, "why": ""}


def write_speed_ratios(revisions: dict[str, str], device: str, path: str | Path, lenient: bool = False) -> Path:
    """Write the ratio of each workload to the code of its revision, by name, as CSV with COLUMNS.

    A shallow clone has no older revisions: rows then have no ratio, `why` says so, and nothing is compared.
    lenient : leave out a workload that fails
    """
    rows = []
    for revision in dict.fromkeys(revisions.get(name, "") for name in WORKLOADS):
        names = [name for name in WORKLOADS if revisions.get(name, "") == revision]
        rows += [row | {"revision": revision, "device": device} for row in _ratios_to(revision, names, lenient)]
    rows = [row | {"noise": noise(row["workload"])} for row in rows]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return write_csv(path, table)


def _ratios_to(revision: str, names: list[str], lenient: bool) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            extract(revision, Path(folder))
        except InputError as error:
            return [{"workload": name, "why": str(error)} for name in names]
        rows = []
        for together in [[name] for name in names] if lenient else [names]:
            with left_out(f"the speed of {together[0]}", lenient):
                rows += speed_ratios(ROOT, Path(folder), together)
        return rows


def extract(revision: str, folder: Path) -> None:
    """Put the project's files of a git revision into a folder. Raises InputError where this clone has none such."""
    if not revision:
        raise InputError("not in the baseline yet")
    try:
        archive = git("archive", revision)
    except InputError as error:
        why = f"revision {revision} is not in this clone (a shallow one? git fetch --unshallow): {error}"
        raise InputError(why) from None
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def _measure(tree: Path, base: Path, names: Sequence[str]) -> Iterator[tuple[str, tuple[float, float]]]:
    """(name, quickest seconds in `tree` and in `base`) of each workload, in one new pair of processes."""
    if not names:
        return
    with _worker(tree) as now, _worker(base) as then:
        for name in names:
            calls = max(1, math.ceil(TURN_SECONDS / max(_ask(now, name), _ask(then, name))))
            turns = [[_ask(worker, name) for worker in (now, then) for _ in range(calls)] for _ in range(TURNS)]
            yield name, (min(min(turn[:calls]) for turn in turns), min(min(turn[calls:]) for turn in turns))


def _ask(worker: subprocess.Popen, name: str) -> float:
    worker.stdin.write(f"{name}\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        raise InputError(
            f"{name}: its process ended; run `python -P workflow/measuring/workloads.py` and give it that name"
        )
    return float(line)


@contextmanager
def _worker(tree: Path) -> Iterator[subprocess.Popen]:
    """A process with the workloads of this file's tree and the code of `tree`, on one core."""
    core = min(os.sched_getaffinity(0))
    command = [sys.executable, "-P", ROOT / "workflow/measuring/workloads.py"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    worker = subprocess.Popen(command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, **pipes)
    try:
        os.sched_setaffinity(worker.pid, {core})
        yield worker
    finally:
        worker.stdin.close()
        worker.kill()
        worker.wait()


def main(arguments: list[str]) -> None:
    """Print each workload's ratio against the named revision, or against the last commit."""
    with tempfile.TemporaryDirectory() as folder:
        extract(arguments[0] if arguments else "HEAD", Path(folder))
        for row in speed_ratios(ROOT, Path(folder)):
            measured = f"({1000 * row['seconds']:.1f} ms, {row['pairs']} pairs)"
            print(f"{row['workload']:<30} {row['ratio']:.3f}  {measured}", flush=True)


if __name__ == "__main__":
    command(
        main, "python -m workflow.measuring.speed_ratios [REVISION]    speed of each workload against a revision (HEAD)"
    )
