"""Where the first steps of trainings lead: the mean loss of 20 steps, and the test error of what was learned by them.

A fingerprint looks at a network, a loss or an optimiser; these numbers go through data, batches, training, flip
averaging and judgement as well, on the road that every run takes. In float32, so that processors round differently:
ROUNDING says by how much.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from base.errors import left_out
from base.files import read_csv, write_rows
from studies.recipes import RunSpec
from training.job import Job
from training.run import train

TRAINING = "training"
# Metric -> its column in history.csv, and its unit.
METRICS = {"loss": ("loss", ""), "mpjpe": ("test_mpjpe", "mm")}
# Shares by which the numbers of a network may move: ten times as far as instruction sets, threads and weights that are
# a unit in the last place apart have moved them (docs/regression.md). The steps of some networks amplify rounding.
ROUNDING = {
    "posemamba-s": {"loss": 1e-6, "mpjpe": 1e-6},
    "sasmamba": {"loss": 1e-4, "mpjpe": 3e-4},
    "motionagformer-xs-81": {"loss": 5e-4, "mpjpe": 7e-4},
    "mlp": {"loss": 1e-6, "mpjpe": 8e-3},
}


@dataclass(frozen=True)
class FirstSteps:
    """A row of first-steps.csv; spread: by which share rounding may move the value."""

    kind: str
    name: str
    dataset: str
    recipe: str
    metric: str
    unit: str
    value: float
    spread: float


def write_first_steps(specs: Iterable[RunSpec], data: Path, path: Path, lenient: bool = False) -> Path:
    """Train the runs that `specs` describe on prepared data for their one epoch, and write a row a metric of each.

    lenient : leave out a network that fails
    """
    torch.set_num_threads(1)
    return write_rows(path, FirstSteps, [row for spec in specs for row in _rows(spec, data, lenient)])


def _rows(spec: RunSpec, data: Path, lenient: bool) -> Iterator[FirstSteps]:
    with left_out(f"the first steps of {spec.variant}", lenient), tempfile.TemporaryDirectory() as folder:
        train(Job(spec, data, Path(folder, "run"), Path(folder, "state")))
        last = read_csv(Path(folder, "run/history.csv"), [column for column, _ in METRICS.values()]).iloc[-1]
        names = (spec.variant, str(spec.dataset), spec.recipe_name)
        for metric, (column, unit) in METRICS.items():
            yield FirstSteps(TRAINING, *names, metric, unit, float(last[column]), rounding(spec.variant, metric))


def rounding(variant: str, metric: str) -> float:
    """The share for a network; for one that was not measured the largest of all."""
    shares = ROUNDING.get(variant)
    return shares[metric] if shares else max(measured[metric] for measured in ROUNDING.values())
