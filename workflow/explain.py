"""Why did this number change? What two runs, or two revisions, do not have in common.

    python -m workflow.explain RUN RUN             # two run folders, in this checkout or another
    python -m workflow.explain REVISION REVISION   # what a change of the code and of its settings touches

Runs are compared by what their `run.json` says: code (the source closure, file by file), data, specification, versions,
device, threads, backend, seed. Revisions by git: files that differ, and what each of them can change.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from studies.closure import closure
from studies.errors import InputError
from studies.files import read_arrays
from studies.git import git
from studies.motions import motions
from studies.terminal import command
from studies.variants import resolve_variants

DATA = "prepared data"
# What a number can come from, and the modules whose closure makes it; models are added to the first three.
STAGES = {
    "trainings of lifting networks": ("training.lifting",),
    "trainings of networks on video": ("training.video",),
    "counts, time and memory": ("workflow.efficiency",),
    DATA: ("datasets.prepare",),  # and the motions' own modules
    "accuracies from predictions": ("workflow.measurements", "workflow.video_measurements"),
    "tables, comparisons and figures": ("reports.tables", "reports.comparisons", "reports.figures"),
    "the audit and the site": ("workflow.evidence", "reports.audit.write", "reports.site.build"),
}
SETTINGS = {
    "config.yaml": "every run, where the keys of its scale changed",
    "studies/recipes.yaml": "runs of the recipes that changed",
    "studies/variants.yaml": "runs and counts of the variants that changed",
    "requirements.txt": "everything: other versions of libraries",
}
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


def explain_revisions(one: str, other: str) -> list[str]:
    """Lines: each file that differs between two revisions, with what it can change.

    What a file can change is read off today's closures. Raises InputError for a revision that git does not know.
    """
    try:
        told = git("diff", "--name-status", "--no-renames", one, other, "--")
    except InputError as error:
        raise InputError(f"git cannot compare {one} and {other}: {error}") from None
    changes = [line.split("\t") for line in told.decode(errors="replace").splitlines()]
    reach = _reach()
    words = {"A": "added", "D": "removed", "M": "changed"}
    touching = [(words.get(status, status), path, reach.get(path)) for status, path in changes]
    lines = [f"{word:<8} {path}: {what}" for word, path, what in touching if what]
    rest = len(touching) - len(lines)
    lines.append(f"{len(lines)} files that numbers come from differ, and {rest} others (tests, pages, workflow rules)")
    return lines


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


def _reach() -> dict[str, str]:
    """File -> what it can change, by today's closures."""
    models = sorted({spec["model"].rpartition(".")[0] for spec in resolve_variants().values()})
    reach: dict[str, list[str]] = {name: [what] for name, what in SETTINGS.items()}
    motion_modules = tuple(sorted({motion.module for motion in motions().values()}))
    for stage, modules in (STAGES | {DATA: STAGES[DATA] + motion_modules}).items():
        for path in closure(*modules):
            reach.setdefault(path, []).append(stage)
    shared = set(reach)
    for model in models:
        for path in set(closure(model)) - shared:
            reach.setdefault(path, []).append(f"runs and counts of {model.removeprefix('models.')}")
    return {path: ", ".join(what) for path, what in reach.items()}


def main(arguments: list[str]) -> None:
    """Print the explanation for two run folders or two revisions."""
    if len(arguments) != 2:
        raise InputError("say which two: .venv/bin/python -m workflow.explain A B (run folders, or git revisions)")
    folders = [Path(name).is_dir() for name in arguments]
    if folders == [True, True]:
        print("\n".join(explain_runs(*map(Path, arguments))))
    elif any(folders):
        raise InputError(f"{arguments[folders.index(False)]}: is no folder; name two run folders or two revisions")
    else:
        print("\n".join(explain_revisions(*arguments)))


if __name__ == "__main__":
    command(main, "python -m workflow.explain A B    why did a number change: two run folders, or two git revisions")
