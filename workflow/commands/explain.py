"""Why did this number change? What two runs, of this checkout or another, do not have in common.

Runs are compared by what their `run.json` says: code (the source closure, file by file), data, specification, versions,
device, threads, backend, seed.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from base.errors import InputError
from base.files import read_arrays, read_json
from studies.places import RUN_JSON
from studies.predictions import FILE

# Beginnings of paths in run.json, and what kind of cause stands there; everything else is OTHER.
KINDS = {
    "spec/": "setting",
    "inputs/sources/": "code",
    "inputs/data/": "data",
    "versions/": "version",
    "hardware/": "hardware",
}
OTHER = "other"
SCORE = "selected/best_val/"
SKIPPED = ("selected/", "seconds/", "frames/")  # what follows from the rest


class Cause(NamedTuple):
    """Something that decides a run's numbers: its kind, and its name within that."""

    kind: str
    name: str


def explain_runs(one: Path, other: Path) -> list[str]:
    """Lines: the two scores, then what differs between two run folders, then what does not.

    Raises InputError for a folder without a `run.json`.
    """
    (score, before), (other_score, now) = _read(one), _read(other)
    causes = list(dict.fromkeys(chain(before, now)))
    differing = [cause for cause in causes if before.get(cause) != now.get(cause)]
    lines = [f"A  {one}: {score}", f"B  {other}: {other_score}"]
    lines.append("Predictions: " + ("the same bytes" if _same_predictions(one, other) else "not the same"))
    for cause in differing:
        values = (side.get(cause, "absent") for side in (before, now))
        lines.append(f"{cause.kind:<10} {cause.name}: {' -> '.join(map(str, values))}")
    if not differing:
        lines.append("Nothing differs of code, data, specification, versions, device, threads, backend and seed.")
    changed = {cause.kind for cause in differing}
    same = dict.fromkeys(cause.kind for cause in causes if cause.kind not in changed)
    return [*lines, f"Same in both: {', '.join(same) or 'nothing'}"]


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Leaves of nested dictionaries, with the path to each, such as `spec/seed`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}/{key}" if path else key)
    else:
        yield path, value


def _cause(path: str) -> Cause:
    for beginning, kind in KINDS.items():
        if path.startswith(beginning):
            return Cause(kind, path.removeprefix(beginning))
    return Cause(OTHER, path)


def _read(run: Path) -> tuple[str, dict[Cause, object]]:
    """A run's score in words, and what decides its numbers, in the order of KINDS."""
    if not (run / RUN_JSON).is_file():
        raise InputError(f"{run}: holds no run.json; give the folder of a finished run (.../seed0)")
    record = read_json(run / RUN_JSON, "delete the run's folder and train again")
    score, causes, order = [], {}, [*KINDS.values(), OTHER]
    for path, value in _leaves(record):
        if path.startswith(SCORE) and isinstance(value, int | float):
            score.append(f"{path.removeprefix(SCORE)} {value:.6g}")
        elif not path.startswith(SKIPPED):
            causes[_cause(path)] = value
    return ", ".join(score), dict(sorted(causes.items(), key=lambda item: order.index(item[0].kind)))


def _same_predictions(one: Path, other: Path) -> bool:
    files = [run / FILE for run in (one, other)]
    if not all(file.is_file() for file in files):
        return False
    a, b = (read_arrays(file) for file in files)
    return list(a) == list(b) and all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


def main(arguments: list[str]) -> None:
    """Print the explanation for two run folders."""
    if len(arguments) != 2:
        raise InputError("give two run folders: make explain a=RUN b=RUN")
    print("\n".join(explain_runs(*map(Path, arguments))))
