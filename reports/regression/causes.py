"""Which edits the numbers that moved have in common.

A number is decided by some files (`workflow.sources`). One that moved was moved by an edit of one of them,
since the revision that it is compared with. Nobody can tell for sure which edit it was, but an edit that moved most of
what it decides is a better suspect than one that moved a few of a thousand numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reports.regression.compare import MOVED, Compared

OTHERS = 3  # suspects that are named beside the first
Edited = Callable[[str], frozenset[str] | None]  # revision -> files that say something else today; None: not known


@dataclass(frozen=True)
class Cause:
    """Edited files that the same numbers depend on, and those of them that moved; no files where none was edited.

    decides : how many numbers depend on the files, moved or not
    others  : the next suspects, each with how many of these numbers depend on it and how many do in all
    """

    files: tuple[str, ...]
    numbers: tuple[Compared, ...]
    decides: int
    others: tuple[tuple[str, int, int], ...] = ()

    @property
    def since(self) -> str:
        """A revision that the numbers are compared with."""
        return next((number.since for number in self.numbers if number.since), "")


def find_causes(
    numbers: Sequence[Compared], sources: Callable[[Compared], frozenset[str]], edited: Edited
) -> list[Cause]:
    """The numbers that moved, each under one cause, the causes of most numbers first.

    sources : files that a number depends on
    """
    suspects = {number: sources(number) & (edited(number.since) or frozenset()) for number in numbers if number.since}
    decided: dict[str, int] = {}
    for files in suspects.values():
        for file in files:
            decided[file] = decided.get(file, 0) + 1
    left = [number for number in numbers if number.status in MOVED]
    causes = []
    while (cause := _best(left, suspects, decided)) is not None:
        causes.append(cause)
        left = [number for number in left if number not in cause.numbers]
    causes.sort(key=lambda cause: -len(cause.numbers))
    return causes + ([Cause((), tuple(left), len(left))] if left else [])


def _best(
    left: Sequence[Compared], suspects: Mapping[Compared, frozenset[str]], decided: Mapping[str, int]
) -> Cause | None:
    """The files that account for most: of all that depends on one, the share that moved, times how many those are."""
    moved: dict[str, list[Compared]] = {}
    for number in left:
        for file in suspects.get(number, ()):
            moved.setdefault(file, []).append(number)
    if not moved:
        return None
    best, *others = sorted(sorted(moved), key=lambda file: -(len(moved[file]) ** 2) / decided[file])
    same = {file for file in moved if (moved[file], decided[file]) == (moved[best], decided[best])}
    next_best = [(file, len(moved[file]), decided[file]) for file in others if file not in same]
    return Cause(tuple(sorted(same)), tuple(moved[best]), decided[best], tuple(next_best[:OTHERS]))
