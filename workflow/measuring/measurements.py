"""From runs to `measurements.csv`: tidy, one row a number, study-free. No torch in here.

For accuracies the convention is protocol/split/selection, for example `human36m/test/best_val` (docs/protocols.md).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from base.errors import InputError
from base.files import read_arrays, write_whole
from datasets.lifting import Split, load
from datasets.normalise import normalise_keypoints
from metrics.protocols import Frames, human36m, mpi_inf_3dhp, pooled
from metrics.statistics import resample
from studies.columns import COLUMNS, CONDITION
from studies.paper import PAPER

UNITS = {
    "mpjpe": "mm",
    "p_mpjpe": "mm",
    "n_mpjpe": "mm",
    "mpjve": "mm/frame",
    "acceleration_error": "mm/frame^2",
    "pck3d": "%",
    "auc3d": "%",
}
GROUPS = "groups"  # of a row, besides COLUMNS: its value in each group of frames
GROUP_KINDS = ("action", "sequence", "activity")
GROUP_COLUMNS = ("seed", "convention", "metric", "unit", "kind", "group", "value")
RESAMPLED, CLUSTERS = "resampled", "clusters"  # of a row, besides COLUMNS: (R,) its value in resamples of Q clusters
COMPARED = ("mpjpe", "p_mpjpe", "mpjve", "acceleration_error")  # metrics that tables compare variants by


def score_runs(runs: Sequence[Path], data: Path) -> list[dict]:
    """Measurements of finished runs (folders with `run.json` and `predictions.npz`) on the prepared data they used."""
    splits = {name: load(data / name) for name in ("test", "new") if (data / name).is_dir()}
    return [row for run in runs for row in _score_run(run, splits)]


def _score_run(run: Path, splits: dict[str, Split]) -> Iterator[dict]:
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    identity = run_identity(run, record)
    epochs = {selection: chosen["epoch"] for selection, chosen in record["selected"].items()}
    scored: dict[tuple[str, int], dict[str, dict]] = {}  # selections that chose the same epoch share their scores
    for name, poses in read_predictions(run).items():
        split, _, selection = ("test_" + name if not name.startswith("new_") else name).partition("_")
        case = (split, epochs[selection])
        if case not in scored:
            scored[case] = protocol_values(poses, splits[split], clip_length(record["spec"]))
        for protocol, values in scored[case].items():
            known = identity | {"convention": f"{protocol}/{split}/{selection}"}
            for metric, unit in UNITS.items():
                measured = {"metric": metric, "value": values.get(metric), "unit": unit}
                yield known | measured | _drawn(values, metric) | {GROUPS: _groups(values, metric)}
    if record["spec"]["scale"] == PAPER:
        test, frames = splits["test"].frames, record["frames"]
        judged = int(test["valid"].sum()) if "valid" in test else len(test)
        held_out = 0 if record["spec"]["recipe"]["hold_out"] else frames.get("val", 0)
        yield from condition_rows(identity, record, frames["train"] + held_out, judged)


def read_predictions(run: Path) -> dict[str, np.ndarray]:
    """Arrays of a run's `predictions.npz`. Raises InputError where they are not as the run left them."""
    return read_arrays(run / "predictions.npz", f"delete {run} and run `make` again")


def condition_rows(identity: dict, record: dict, train: int, test: int) -> Iterator[dict]:
    """How much data and training was behind a run at scale `paper`: a number made with less is not the paper's.

    train, test : as `studies.benchmarks.AMOUNTS` counts them
    """
    recipe = record["spec"]["recipe"]
    found = {"train": train, "test": test, "epochs": recipe["epochs"], "steps": recipe["steps"]}
    for convention, value in found.items():
        yield identity | {"metric": CONDITION, "value": value, "unit": "", "convention": convention}


def clip_length(spec: dict) -> int:
    """Frames of a network's clips; baselines look at one."""
    return spec.get("hyper", {}).get("frames", 1)


def _groups(values: dict, metric: str) -> dict[str, dict[str, float]]:
    """Kind of group (action, sequence, activity) -> group -> the metric's value in it."""
    kinds = {kind: values.get(f"per_{kind}", {}) for kind in GROUP_KINDS}
    return {
        kind: {name: group[metric] for name, group in groups.items() if group.get(metric) is not None}
        for kind, groups in kinds.items()
    }


def _drawn(values: dict, metric: str) -> dict:
    """The resamples of a metric that tables compare by; none of a velocity from single frames."""
    drawn = values[RESAMPLED].get(metric) if metric in COMPARED else None
    return {} if drawn is None else {RESAMPLED: drawn, CLUSTERS: values[CLUSTERS]}


def run_identity(run: Path, record: dict) -> dict:
    """What all measurements of a run share; record: its run.json."""
    spec = record["spec"]
    return {key: spec[key] for key in ("scale", "dataset", "variant", "seed")} | {
        "recipe": spec["recipe_name"],
        "device": record["hardware"]["device"],
        "run": run.as_posix(),
        "revision": record["revision"],
    }


def protocol_values(predictions: np.ndarray, split: Split, clip: int = 1) -> dict[str, dict]:
    """Every metric of predictions (N, 17, 3) under each protocol that the split and its keypoints allow.

    clip: frames of the network's clips, which may decide what it is judged by (`datasets.lifting.WINDOWS`).
    `human36m` means over actions, `pooled` over frames; `human36m-gt2d` overwrites predicted x and y with the input's,
    which measures depth only and makes sense for ground-truth keypoints alone. Each protocol's values hold those in
    resamples of the takes as well.
    """
    rows, split = split.judged(clip)
    predictions = predictions[rows]
    if split.protocol == "mpi-inf-3dhp":
        return {"mpi-inf-3dhp": _mpi_inf_3dhp(predictions, split)}
    names, cluster = np.unique(takes(split.frames), return_inverse=True)
    frames = Frames(split.joints, split.width, split.height, split.sequence, split.action, split.factor,
                    resamples=(cluster, resample(len(names))))  # fmt: skip
    values = {"human36m": human36m(predictions, frames), "pooled": pooled(predictions, frames)}
    if split.card["preset"] == "gt":
        keypoints = normalise_keypoints(np.asarray(split.keypoints), split.width, split.height)[..., :2]
        values["human36m-gt2d"] = human36m(predictions, replace(frames, keypoints=keypoints))
    return {protocol: found | {CLUSTERS: len(names)} for protocol, found in values.items()}


def _mpi_inf_3dhp(predictions: np.ndarray, split: Split) -> dict:
    names, cluster = np.unique(split.sequence, return_inverse=True)
    action = split.action if split.frames["action"].nunique() > 1 else None
    frames = Frames(split.joints, split.width, split.height, split.sequence, action,
                    resamples=(cluster, resample(len(names))))  # fmt: skip
    return mpi_inf_3dhp(predictions, frames) | {CLUSTERS: len(names)}


def takes(frames: pd.DataFrame) -> list[str]:
    """The take of each frame: its sequence without the camera, since several cameras filmed the same motion."""
    names = zip(frames["sequence"], frames["camera"], strict=True)
    return [sequence.removesuffix(f"_{camera}") for sequence, camera in names]


def write_measurements(rows: Iterable[dict], path: Path) -> None:
    """Write rows as CSV with the contract's columns, whole or not at all."""
    rows = [{key: row.get(key) for key in COLUMNS} for row in rows]
    table = pd.DataFrame(rows, columns=COLUMNS, dtype=object)  # counts stay whole numbers
    write_whole(path, lambda temporary: table.to_csv(temporary, index=False, lineterminator="\n"))


def write_groups(rows: Iterable[dict], path: Path) -> None:
    """Write what rows hold of groups as CSV (GROUP_COLUMNS), whole or not at all."""
    found = [
        {key: row[key] for key in GROUP_COLUMNS[:4]} | {"kind": kind, "group": name, "value": value}
        for row in rows
        for kind, groups in row.get(GROUPS, {}).items()
        for name, value in groups.items()
    ]
    table = pd.DataFrame(found, columns=list(GROUP_COLUMNS))
    write_whole(path, lambda part: table.to_csv(part, index=False, lineterminator="\n"))


def write_resamples(rows: Iterable[dict], path: Path) -> None:
    """Write what rows hold of resamples as arrays `<seed>/<convention>/<metric>` (R,), with `clusters/<convention>`."""
    arrays: dict[str, np.ndarray] = {}
    for row in rows:
        if RESAMPLED in row:
            arrays[f"{row['seed']}/{row['convention']}/{row['metric']}"] = np.float32(row[RESAMPLED])
            arrays[f"{CLUSTERS}/{row['convention']}"] = np.array(row[CLUSTERS])
    write_whole(path, lambda part: _savez(part, arrays))


def _savez(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def collect_measurements(parts: Sequence[str | Path], path: Path) -> None:
    """Join the measurements of all runs and variants into one file, refusing a part with other columns."""
    tables = [pd.read_csv(part, dtype=str, keep_default_na=False) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        if list(table.columns) != list(COLUMNS):
            raise InputError(f"{part}: not a measurements file (columns {', '.join(table.columns)}); delete it")
    write_measurements(pd.concat(tables).to_dict("records"), path)
