"""A made-up set of measurements and runs: counts are PoseMamba's and SasMamba's, errors are random numbers."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from base.files import write_rows
from datasets import writing
from datasets.card import Card
from reports.figures.skeleton import STANDING
from reports.measurements import COLUMNS, Choice
from reports.tables.cell import Cell
from reports.tables.judge import judge, judge_table
from reports.tables.numbers import Numbers
from studies.measurements import CountPart
from studies.predictions import Predicted
from studies.types import Study, Table

SEEDS = (0, 1, 2)
DEMO = Path(__file__).with_name("demo.yaml")
OPTIONS = {"scale": "quick", "motion": "synthetic", "seeds": [0, 1, 2]}
RECORDED = OPTIONS | {"records": {"scale": "small", "motion": "cmu"}}
FRAMES = 243
# variant -> (params, MACs of a clip) under each convention, as tests/metrics/test_paper_counts.py has them
COUNTS = {
    "posemamba-s": {"paper": (859_651, 3_587_426_496), "true": (1_470_211, 6_526_319_040)},
    "posemamba-b": {"paper": (3_357_699, 13_943_083_392), "true": (4_742_659, 20_497_691_520)},
    "posemamba-x": {"paper": (26_534_915, 109_908_658_944), "true": (33_318_915, 141_545_905_920)},
    "sasmamba": {"paper": (624_951, 2_603_918_016), "true": (951_351, 4_120_424_640), "paper-leaf": (637_751, None)},
    "mlp": {"paper": (4_300_000, 1_000_000_000), "true": (4_310_000, 1_010_000_000)},
}
# What PoseMamba-S's counts are made of; those of the others are made of one part, and of another that is not seen.
PARTS = {
    "params": {"layers": 849_027, "norms": 10_624},
    "macs_per_clip": {"layers": 3_480_615_360, "norms": 106_811_136},
}
TRUE_PARTS = {
    "params": {"layers": 849_027, "norms": 10_624, "x_proj": 368_640, "A_log": 163_840, "others": 78_080},
    "macs_per_clip": {"layers": 3_480_615_360, "x_proj": 1_522_851_840, "dt_proj": 169_205_760, "scan": 1_353_646_080},
}
RUNS = [
    ("posemamba-s", "posemamba", 71.0),
    ("posemamba-b", "posemamba", 68.5),
    ("posemamba-s", "posemamba-mpjpe", 73.5),
    ("sasmamba", "sasmamba", 74.2),
    ("mlp", "baseline", 83.0),
    ("mean-pose", "baseline", 172.0),
]
RECORDS = [*((variant, recipe, 0.8 * level) for variant, recipe, level in RUNS), ("posemamba-x", "posemamba", 300.0)]


def write_measurements(rows: list[dict], path: Path) -> None:
    pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64"}).to_csv(path, index=False)


def count_rows() -> list[dict]:
    rows = []
    for variant, conventions in COUNTS.items():
        for convention, (params, macs) in conventions.items():
            values = {"params": (params, "1")}
            if macs is not None:
                values |= {"macs_per_clip": (macs, "MAC"), "macs_per_frame": (macs / FRAMES, "MAC")}
            same = {"scale": "paper", "variant": variant, "convention": convention, "device": "none: counted"}
            rows += [same | {"metric": m, "value": v, "unit": u} for m, (v, u) in values.items()]
    timed = {
        "scale": "paper",
        "variant": "mlp",
        "device": "some CPU",
        "convention": "median of 5 runs, batch 1, 1 thread",
    }
    rows.append(timed | {"metric": "latency", "value": 1234.5, "unit": "ms"})
    rows.append(timed | {"metric": "latency_iqr", "value": 6.7, "unit": "ms"})
    return rows


def part_rows() -> list[CountPart]:
    rows = []
    for variant, conventions in COUNTS.items():
        seen = dict(zip(PARTS, conventions["paper"], strict=True))
        for convention, counts in conventions.items():
            for metric, count in zip(PARTS, counts, strict=True):
                parts = {"layers": min(count or 0, seen[metric]), "hidden": max((count or 0) - seen[metric], 0)}
                if variant == "posemamba-s":
                    parts = (PARTS if convention == "paper" else TRUE_PARTS)[metric]
                rows += [CountPart(variant, convention, metric, part, n) for part, n in parts.items() if n]
    return rows


def write_parts(path: Path) -> Path:
    return write_rows(path, CountPart, part_rows())


def accuracy_rows(root: str = "results") -> list[dict]:
    """Of runs of scale quick on synthetic motion."""
    datasets, selections = ("synthetic-sh-like", "synthetic-gt"), ("last", "best_val", "best_test")
    return _rows(f"{root}/runs", "quick", datasets, RUNS, selections)


def record_rows(root: str = "records") -> list[dict]:
    """Of records on the motion that is evidence, of which one network did not learn, and on the embedded one."""
    datasets = ("cmu-sh-like", "cmu-gt", "synthetic-sh-like")
    return _rows(root, "small", datasets, RECORDS, ("last",))


def _rows(root: str, scale: str, datasets: tuple, runs: list, selections: tuple) -> list[dict]:
    random = np.random.default_rng(0)
    rows = []
    for (variant, recipe, level), data, seed in product(runs, datasets, SEEDS):
        protocols = ["human36m", "pooled"] + (["human36m-gt2d"] if data.endswith("gt") else [])
        error = level * (0.6 if data.endswith("gt") else 1) + random.normal(0, 1.2)
        run = f"{root}/{scale}/{data}/{variant}/{recipe}/seed{seed}"
        same = {"scale": scale, "dataset": data, "variant": variant, "recipe": recipe, "seed": seed}
        for protocol, selection in product(protocols, selections):
            for metric, share in {"mpjpe": 1.0, "p_mpjpe": 0.78}.items():
                rows.append(
                    same
                    | {"metric": metric, "value": error * share, "unit": "mm", "device": "some CPU", "run": run}
                    | {"convention": f"{protocol}/test/{selection}", "revision": "0123456789ab"}
                )
    return rows


def write_results(root: Path) -> Path:
    """A whole made-up result: measurements, cells, runs, prepared data, scan orders; returns measurements.csv."""
    random = np.random.default_rng(1)
    rows = [*count_rows(), *accuracy_rows(str(root))]
    path = root / "measurements.csv"
    write_measurements(rows, path)
    prepared = {preset: write_split(root / f"prepared/synthetic-{preset}/test", preset) for preset in ("sh-like", "gt")}
    for folder, row in write_runs(rows, random).items():
        predict(folder, row["value"], prepared[row["dataset"].removeprefix("synthetic-")], random)
    write_orders(root / "scan_orders.npz")
    judge([DEMO], path, "", root / "cells.csv", Choice(**OPTIONS))
    return path


def write_runs(rows: list[dict], random: np.random.Generator) -> dict[Path, dict]:
    """Folders of the runs behind measurements, each with the last of its rows."""
    folders = {Path(row["run"]): row for row in rows if "run" in row}
    for folder, row in folders.items():
        write_resamples(folder, [other for other in rows if other.get("run") == row["run"]], random)
        write_run(folder, row, random)
    return folders


def write_split(folder: Path, preset: str, n: int = 60) -> np.ndarray:
    """A split with random poses around a standing one; returns the normalised labels (n, 17, 3)."""
    random = np.random.default_rng(2)
    width = height = 1000
    standing = np.concatenate([STANDING * (160, -160), np.zeros((17, 1))], axis=1)  # mm, y down
    joints = standing + random.normal(0, 60, (n, 17, 3))
    joints[:, 0] = 0
    joints += (2000, 2000, 4000)
    factor = np.full(n, 4.0)  # mm a pixel
    pixels = joints / factor[:, None, None]
    keypoints = np.concatenate([pixels[..., :2] + random.normal(0, 4, (n, 17, 2)), np.full((n, 17, 1), 0.8)], axis=2)
    name, size = "s_01_act_01_subact_01_ca_01", (width, height)
    sequence = writing.CapturedSequence(name, "S1", "walk", "ca_01", size, keypoints, joints, factor)
    writing.write_split(folder, [sequence], Card(preset=preset))
    return (pixels - pixels[:, :1]) * 2 / width


def predict(folder: Path, level: float, labels: np.ndarray, random: np.random.Generator) -> None:
    """What a run predicts, about so far off, and its maps."""
    noisy = labels + random.normal(0, level / 2000 / 1.6, labels.shape)
    arrays = {Predicted(selection, "test").key(): noisy for selection in ("last", "best_val", "best_test")}
    np.savez(folder / "predictions.npz", **arrays)
    joint_map = np.exp(-np.abs(np.subtract.outer(range(17), range(17))) / 4) + random.random((17, 17)) / 4
    frame_map = np.exp(-np.abs(np.subtract.outer(range(27), range(27))) / 6)
    np.savez(folder / "ssm_maps.npz", joint_map=joint_map, frame_map=frame_map)


def write_run(folder: Path, row: dict, random: np.random.Generator) -> None:
    epochs, level = [1] if row["variant"] == "mean-pose" else [1, 2, 3, 4, 5], row["value"]
    errors = [level * (1 + 1.5 * np.exp(-e)) + random.normal(0, 1) for e in epochs]
    steps = [250 * e for e in epochs]
    history = {"epoch": epochs, "step": steps, "learning_rate": 1e-3, "loss": errors, "val_mpjpe": errors}
    pd.DataFrame(history | {"test_mpjpe": errors, "seconds": 1.0}).to_csv(folder / "history.csv", index=False)
    record = {
        "spec": {key: row[key] for key in ("scale", "dataset", "variant", "seed")},
        "seconds": {"whole": 12.5},
        "versions": {"python": "3.11.2", "torch": "2.13.0", "numpy": "2.4.0"},
        "hardware": {"device": "some CPU", "cpu": "some CPU", "threads": 1},
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")


def write_resamples(folder: Path, rows: list[dict], random: np.random.Generator) -> None:
    """What a run's numbers are in resamples of twelve clips."""
    arrays = {f"clusters/{row['convention']}": np.array(12) for row in rows}
    for row in rows:
        resampled = row["value"] + random.normal(0, 0.3, 200)
        arrays[f"{row['seed']}/{row['convention']}/{row['metric']}"] = np.float32(resampled)
    folder.mkdir(parents=True)
    np.savez(folder / "resamples.npz", **arrays)


def write_orders(path: Path, frames: int = 4) -> None:
    grid = np.arange(frames * 17).reshape(frames, 17)
    spatial, temporal = grid.ravel(), grid.T.ravel()
    back, bt = grid[:, ::-1].ravel(), grid[::-1].T.ravel()
    limb = [0, 0, 1, 2, 3, 0, 4, 5, 6, 8, 11, 12, 13, 8, 14, 15, 16]
    np.savez(
        path,
        **{
            "global-local": np.stack([spatial, temporal, spatial[::-1], temporal[::-1]]),
            "bidirectional": np.stack([spatial, temporal, spatial[::-1], temporal[::-1]]),
            "fs-ft": np.stack([spatial, temporal, spatial, temporal]),
            "fs-bt": np.stack([spatial, bt, spatial, bt]),
            "bs-ft": np.stack([back, temporal, back, temporal]),
            "bs-bt": np.stack([back, bt, back, bt]),
            "limb": np.array([limb]),
            "stride": np.array([[2 * (j // 2) for j in range(17)], [3 * (j // 3) for j in range(17)]]),
        },
    )


def judged(study: Study, table: Table, measurements: pd.DataFrame, comparisons=(), **options) -> tuple[Cell, ...]:
    """The cells of a table; options: of `Choice`."""
    numbers = Numbers(measurements, Choice(**OPTIONS | options))
    return judge_table(study, table, numbers, {comparison.claim: comparison for comparison in comparisons})


def by_place(cells: tuple[Cell, ...]) -> dict[tuple[str, str], Cell]:
    """Cells of a table by row and column."""
    return {(cell.row, cell.column): cell for cell in cells}


def whole(report: str | Path) -> set[str]:
    """All that is in the folder of a report, as a run that has made it knows it."""
    return {str(path) for path in Path(report).rglob("*")}
