"""The same-seed noise floor of a device: one small net trained twice with the same seed, and by how much it differs.

On a CPU with one thread a job the two must be equal to the last bit. On a GPU kernels may add in any order; what that
does to an error is the least difference between two variants that could mean anything.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from base.files import read_arrays, write_whole
from studies.recipes import RunSpec
from training.lifting import train_lifting
from training.provenance import device_name, revision
from workflow.measuring.measurements import COMPARED, score_runs

COLUMNS = ("device", "metric", "floor", "unit", "protocol", "variant", "scale", "same_bytes", "revision")
PROTOCOL = "human36m/test/last"


def write_noise(spec: RunSpec, data: Path, path: Path) -> None:
    """Train the run that `spec` describes twice on prepared data and write the differences, a row a metric."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder, name, "seed0") for name in ("first", "second")]
        for run in runs:
            train_lifting(spec, data, run, run.parent / "state")
        rows = noise_rows(runs, data)
    write_whole(path, lambda part: pd.DataFrame(rows, columns=COLUMNS).to_csv(part, index=False, lineterminator="\n"))


def noise_rows(runs: list[Path], data: Path) -> list[dict]:
    """How far the two runs are apart in each metric that tables compare variants by, under PROTOCOL."""
    first, second = (_scores(run, data) for run in runs)
    one, other = (read_arrays(run / "predictions.npz") for run in runs)
    same = all(np.array_equal(one[name], other[name]) for name in one)
    spec = json.loads((runs[0] / "run.json").read_text(encoding="utf-8"))["spec"]
    known = {"device": device_name(), "variant": spec["variant"], "scale": spec["scale"], "protocol": PROTOCOL}
    known |= {"same_bytes": same, "revision": revision()}
    return [
        known | {"metric": metric, "floor": abs(first[metric][0] - second[metric][0]), "unit": first[metric][1]}
        for metric in COMPARED
    ]


def _scores(run: Path, data: Path) -> dict[str, tuple[float, str]]:
    rows = score_runs([run], data)
    return {row["metric"]: (row["value"], row["unit"]) for row in rows if row["convention"] == PROTOCOL}
