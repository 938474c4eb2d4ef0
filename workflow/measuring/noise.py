"""The same-seed noise floor of a device: one small net trained twice with the same seed, and by how much it differs.

On a CPU with one thread a job the two must be equal to the last bit. On a GPU kernels may add in any order; what that
does to an error is the least difference between two variants that could mean anything.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from base.files import read_arrays, write_rows
from studies.predictions import FILE
from studies.recipes import RunSpec
from training.job import Job
from training.provenance import device_name, revision
from training.run import train
from workflow.measuring.lifting_scores import COMPARED, LiftingScorer
from workflow.measuring.scores import Run, scores

PROTOCOL = "human36m/test/last"


@dataclass(frozen=True)
class Floor:
    """A row of noise.csv: how far the two runs are apart in a metric, and whether their predictions are equal."""

    device: str
    metric: str
    floor: float
    unit: str
    protocol: str
    variant: str
    scale: str
    same_bytes: bool
    revision: str


def write_noise(spec: RunSpec, data: Path, path: Path) -> None:
    """Train the run that `spec` describes twice on prepared data and write the differences, a row a metric."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder, name, "seed0") for name in ("first", "second")]
        for run in runs:
            train(Job(spec, data, run, run.parent / "state"))
        write_rows(path, Floor, floors(*runs, data))


def floors(first: Path, second: Path, data: Path) -> list[Floor]:
    """How far two runs are apart in each metric that tables compare variants by, under PROTOCOL."""
    one, other = (read_arrays(run / FILE) for run in (first, second))
    equal = all(np.array_equal(one[name], other[name]) for name in one)
    run, scorer = Run.read(first), LiftingScorer(data)
    scored = [
        {score.metric: score for score in scores(Run.read(folder), scorer) if score.convention == PROTOCOL}
        for folder in (first, second)
    ]
    pairs = [[by_metric[metric] for by_metric in scored] for metric in COMPARED]
    same = {"protocol": PROTOCOL, "variant": run.spec.variant, "scale": run.spec.scale, "same_bytes": equal}
    return [
        Floor(device_name(), a.metric, abs(a.value - b.value), a.unit, **same, revision=revision()) for a, b in pairs
    ]
