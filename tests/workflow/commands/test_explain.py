"""Why a number changed: two runs that differ in one thing each, and what is no run."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from base.errors import InputError
from workflow.commands.explain import explain_runs, main

RECORD = {
    "spec": {"variant": "a", "seed": 0, "backend": "auto", "recipe": {"loss": {"mpjpe": 1.0}}},
    "selected": {"best_val": {"epoch": 2, "mpjpe": 50.0}},
    "inputs": {"sources": {"models/a.py": "00"}, "data": {"set/train/card.json": "11"}},
    "versions": {"torch": "2.13.0"},
    "hardware": {"device": "CPU", "threads": 1},
    "backend": "cpu",
    "revision": "abc",
    "seconds": {"whole": 1.0},
}


def run(folder: Path, value: float = 0.0, **changes: object) -> Path:
    """A run whose record has other values where `changes` says so (keys joined by two underscores)."""
    record = copy.deepcopy(RECORD)
    for key, new in changes.items():
        *path, last = key.split("__")
        inner = record
        for name in path:
            inner = inner[name]
        inner[last] = new
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    np.savez(folder / "predictions.npz", last=np.full(3, value))
    return folder


def test_the_same_run_differs_in_nothing(tmp_path: Path) -> None:
    lines = explain_runs(run(tmp_path / "a"), run(tmp_path / "b", seconds={"whole": 9.0}))
    assert lines[2:] == [
        "Predictions: the same bytes",
        "Nothing differs of code, data, specification, versions, device, threads, backend and seed.",
        "Same in both: setting, code, data, version, hardware, other",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"inputs__sources": {"models/a.py": "22"}}, "code       models/a.py: 00 -> 22"),
        ({"inputs__sources": {"models/a.py": "00", "models/b.py": "33"}}, "code       models/b.py: absent -> 33"),
        ({"inputs__data": {"set/train/card.json": "44"}}, "data       set/train/card.json: 11 -> 44"),
        ({"spec__seed": 1}, "setting    seed: 0 -> 1"),
        ({"spec__recipe__loss": {"mpjpe": 2.0}}, "setting    recipe/loss/mpjpe: 1.0 -> 2.0"),
        ({"versions__torch": "2.14"}, "version    torch: 2.13.0 -> 2.14"),
        ({"hardware__device": "GPU"}, "hardware   device: CPU -> GPU"),
        ({"hardware__threads": 2}, "hardware   threads: 1 -> 2"),
        ({"backend": "reference"}, "other      backend: cpu -> reference"),
    ],
)
def test_what_differs_is_named_and_nothing_else(tmp_path: Path, changes: dict, line: str) -> None:
    lines = explain_runs(run(tmp_path / "a"), run(tmp_path / "b", value=1.0, **changes))
    assert lines[2:-1] == ["Predictions: not the same", line]
    assert line.split()[0] not in lines[-1]


def test_what_is_neither_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no run\.json"):
        explain_runs(tmp_path, tmp_path)
    with pytest.raises(InputError, match="give two run folders"):
        main([])
