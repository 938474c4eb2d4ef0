"""Why did this number change? What two runs, of this checkout or another, do not have in common.

Runs are compared by what their `run.json` says: code (the source closure, file by file), data, specification, versions,
device, threads, backend, seed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.files import read_arrays

SKIPPED = ("seconds", "selected", "inputs", "spec", "versions", "hardware", "frames")


def explain_runs(one: Path, other: Path) -> list[str]:
    """Lines: the two scores, then what differs between two run folders, then what does not.

    Raises InputError for a folder without a `run.json`.
    """
    records = [_record(run) for run in (one, other)]
    sides = [dict(_facts(record)) for record in records]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    differing = [name for name in names if sides[0].get(name) != sides[1].get(name)]
    lines = [f"{side}  {run}: {_scores(record)}" for side, run, record in zip("AB", (one, other), records, strict=True)]
    lines.append("Predictions: " + ("the same bytes" if _same_predictions(one, other) else "not the same"))
    for name in differing:
        before, now = (side.get(name, "absent") for side in sides)
        lines.append(f"{_kind(name):<10} {_name(name)}: {before} -> {now}")
    if not differing:
        lines.append("Nothing differs of code, data, specification, versions, device, threads, backend and seed.")
    same = [kind for kind in dict.fromkeys(map(_kind, names)) if kind not in map(_kind, differing)]
    return [*lines, f"Same in both: {', '.join(same) or 'nothing'}"]


def _facts(record: dict) -> Iterator[tuple[str, object]]:
    """Everything that decides a run's numbers, as (kind/name, value)."""
    yield from _flat("setting", record.get("spec", {}))
    for kind, key in (("code", "sources"), ("data", "data")):
        yield from ((f"{kind}/{name}", digest) for name, digest in record.get("inputs", {}).get(key, {}).items())
    yield from _flat("version", record.get("versions", {}))
    yield from _flat("hardware", record.get("hardware", {}))
    yield from ((f"other/{key}", value) for key, value in record.items() if key not in SKIPPED)


def _flat(prefix: str, value: object) -> Iterator[tuple[str, object]]:
    """Leaves of nested dictionaries, with the path to each."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}/{key}", inner)
    else:
        yield prefix, value


def _kind(name: str) -> str:
    return name.partition("/")[0]


def _name(name: str) -> str:
    return name.partition("/")[2]


def _record(run: Path) -> dict:
    try:
        return json.loads((run / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{run}: holds no run.json; name the folder of a finished run (.../seed0)") from None
    except ValueError:
        raise InputError(f"{run / 'run.json'}: is no JSON; delete the run's folder and train again") from None


def _scores(record: dict) -> str:
    chosen = record.get("selected", {}).get("best_val", {})
    return ", ".join(f"{key} {value:.6g}" for key, value in chosen.items() if isinstance(value, int | float))


def _same_predictions(one: Path, other: Path) -> bool:
    files = [run / "predictions.npz" for run in (one, other)]
    if not all(file.is_file() for file in files):
        return False
    a, b = (read_arrays(file) for file in files)
    return list(a) == list(b) and all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


def main(arguments: list[str]) -> None:
    """Print the explanation for two run folders."""
    if len(arguments) != 2:
        raise InputError("say which two run folders: make explain a=RUN b=RUN")
    print("\n".join(explain_runs(*map(Path, arguments))))
