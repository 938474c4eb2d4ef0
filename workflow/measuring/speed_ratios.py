"""How fast this tree's kernels and a network are, as ratios to the baseline's own code, timed in turns on this machine.

    python -m workflow.measuring.speed_ratios REVISION     # prints them; 1.05: takes 5 % longer than at that revision

A time says nothing on another machine, and a ratio to some other workload changes from one processor to the next. So
the code of the baseline's revision is taken out of git, builds its own kernels with the same compiler, and takes turns
with the present code: one process each, on the same core. Where its arrays happen to lie in memory costs a process up
to a seventh of its speed, for as long as it lives: so several pairs of processes are measured, and what seems slower is
measured by more of them. Slower is what two estimates call slower (`Times.ratio`).

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
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from pathlib import Path
from statistics import median

from base import ROOT
from base.errors import InputError, left_out
from base.files import write_rows
from base.git import git
from base.terminal import command
from workflow.measuring.workloads import WORKLOADS, noise

PAIRS, MOST_PAIRS = 4, 8  # of processes: for every workload, and for one that seems slower by more than noise
TURNS, TURN_SECONDS = 10, 0.03  # of a pair, for each workload


@dataclass(frozen=True)
class Ratio:
    """A row of speed-ratios.csv: a workload's time in this tree over that in the code of `revision`.

    noise: what of a ratio above 1 is still noise; pairs: of processes that measured it; seconds: in this tree;
    why: nothing was compared, where there is no ratio
    """

    workload: str
    ratio: float | None
    noise: float
    pairs: int | None
    seconds: float | None
    revision: str
    device: str
    why: str = ""


@dataclass
class Times:
    """The seconds of a workload in two trees: of each turn the quickest call, for each pair of processes."""

    now: list[list[float]] = field(default_factory=list)
    then: list[list[float]] = field(default_factory=list)

    def add(self, now: list[float], then: list[float]) -> None:
        """What another pair measured, turn by turn."""
        self.now.append(now)
        self.then.append(then)

    @property
    def seconds(self) -> float:
        """The quickest in this tree."""
        return min(chain(*self.now))

    @property
    def ratio(self) -> float:
        """How many times as long this tree takes: of two estimates the one nearer to 1.

        The quickest turns know nothing of what else the machine does, which only adds; but one of the trees may have
        had a moment alone in which the processor was faster. Neighbouring turns shared their moments, so the median of
        their ratios knows nothing of those; but it does of where arrays lie.
        """
        shared = median(now / then for now, then in zip(chain(*self.now), chain(*self.then), strict=True))
        return min(self.seconds / min(chain(*self.then)), shared, key=lambda ratio: abs(math.log(ratio)))


def in_turns(tree: Path, base: Path, names: Sequence[str] = WORKLOADS) -> dict[str, Times]:
    """The times of workloads in `tree` and in `base`, folders with the project's code."""
    times = {name: Times() for name in names}
    for pair in range(MOST_PAIRS):
        wanted = [name for name, t in times.items() if pair < PAIRS or t.ratio > 1 + noise(name)]
        for name, now, then in _measure(tree, base, wanted):
            times[name].add(now, then)
    return times


def write_speed_ratios(revisions: dict[str, str], device: str, path: str | Path, lenient: bool = False) -> Path:
    """Write the ratio of each workload to the code of its revision, as CSV with the fields of Ratio as columns.

    A shallow clone has no older revisions: rows then have no ratio, `why` says so, and nothing is compared.
    revisions : workload -> revision
    lenient : leave out a workload that fails
    """
    rows = []
    for revision in dict.fromkeys(revisions.get(name, "") for name in WORKLOADS):
        names = [name for name in WORKLOADS if revisions.get(name, "") == revision]
        rows += _ratios_to(revision, names, device, lenient)
    return write_rows(path, Ratio, rows)


def _ratios_to(revision: str, names: Sequence[str], device: str, lenient: bool) -> list[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            extract(revision, Path(folder))
        except InputError as error:
            return [Ratio(name, None, noise(name), None, None, revision, device, str(error)) for name in names]
        rows = []
        for together in [[name] for name in names] if lenient else [names]:
            with left_out(f"the speed of {together[0]}", lenient):
                times = in_turns(ROOT, Path(folder), together)
                rows += [
                    Ratio(name, t.ratio, noise(name), len(t.now), t.seconds, revision, device)
                    for name, t in times.items()
                ]
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


def _measure(tree: Path, base: Path, names: Sequence[str]) -> Iterator[tuple[str, list[float], list[float]]]:
    """Of each workload the name, and each turn's quickest seconds in `tree` and in `base`: a new pair of processes."""
    if not names:
        return
    with _worker(tree) as now, _worker(base) as then:
        for name in names:
            calls = max(1, math.ceil(TURN_SECONDS / max(_ask(now, name), _ask(then, name))))
            turns = [[_ask(worker, name) for worker in (now, then) for _ in range(calls)] for _ in range(TURNS)]
            yield name, [min(turn[:calls]) for turn in turns], [min(turn[calls:]) for turn in turns]


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
        for name, t in in_turns(ROOT, Path(folder)).items():
            print(f"{name:<30} {t.ratio:.3f}  ({1000 * t.seconds:.1f} ms, {len(t.now)} pairs)", flush=True)


if __name__ == "__main__":
    command(
        main, "python -m workflow.measuring.speed_ratios [REVISION]    speed of each workload against a revision (HEAD)"
    )
