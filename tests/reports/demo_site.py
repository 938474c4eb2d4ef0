"""A whole made-up report, as the workflow would leave it, for tests of the site."""

import json
from pathlib import Path
from shutil import copytree

import cv2
import numpy as np
from demo_results import DEMO, OPTIONS, record_rows, write_measurements, write_parts, write_results, write_runs

from datasets.lifting import load
from models.ssm.orders import drawn_orders
from reports.audit.write import write_audit
from reports.boards import write_boards
from reports.comparisons import write_comparisons
from reports.measurements import Choice, read_measurements
from reports.orders.judge import judge as judge_orders
from reports.orders.writers import write_lists
from reports.records import EVALUATED, STALE, State, write_kept
from reports.tables.judge import judge
from reports.tables.writers import write_tables
from studies.load import load_study, study_names
from studies.places import POSES
from studies.records import ROWS

REPORT = Path("results/quick/synthetic")
STALE_RECORD = "records/small/cmu-sh-like/sasmamba/sasmamba/seed1"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


def write_report(root: Path, options: dict = OPTIONS) -> Path:
    """Measurements, runs, comparisons, audit, tables, figures of the demo study; the current folder must be `root`.

    options : of `Choice`; with records, those on the embedded motion were evaluated here, and one on the other is stale
    """
    report = root / REPORT
    report.mkdir(parents=True)
    (root / "made").mkdir()
    measurements = write_results(root / "made").rename(report / "measurements.csv")
    write_parts(report / "count-parts.csv")
    copytree(root / "made" / "prepared", root / "data" / "prepared")
    (root / "results/efficiency").mkdir()
    np.savez(root / "results/efficiency/scan_orders.npz", **drawn_orders())
    (root / "noise.csv").write_text("device,metric,floor\nsome CPU,mpjpe,0.0\n", encoding="utf-8")
    (root / "evidence.json").write_text(json.dumps({}), encoding="utf-8")
    choice, states = Choice(**options), write_records(measurements) if "records" in options else {}
    write_kept(report / "records.csv", states)
    comparisons = write_comparisons([DEMO], measurements, root / "noise.csv", report / "comparisons.csv", choice)
    judge([*study_names(), DEMO], measurements, comparisons, report / "cells.csv", choice, states)
    judge_orders([DEMO], measurements, root / "noise.csv", report / "orders.csv", choice, states)
    write_boards([DEMO], measurements, root / "noise.csv", report / "boards.json", choice)
    write_lists([DEMO], report / "orders.csv", report / "tables", choice)
    write_audit([*study_names(), DEMO], report, root / "evidence.json", choice)
    write_tables([DEMO], report / "cells.csv", report / "tables", choice)
    write_seen(root, report / "heatmaps.npz")
    (report / "figures").mkdir()
    for figure in load_study(DEMO).figures:
        (report / "figures" / f"demo-{figure.id}.svg").write_text(SVG, encoding="utf-8")
    return report


def write_records(measurements: Path) -> dict[str, State]:
    """Records, their measurements among the others, and what two of them predict here; returns what became of each."""
    random, rows = np.random.default_rng(3), record_rows()
    folders = [folder.as_posix() for folder in write_runs(rows, random)]
    write_measurements([*read_measurements(measurements).to_dict("records"), *rows], measurements)
    evaluated = [folder for folder in folders if "synthetic-sh-like" in folder]
    truth = load(Path("data/prepared/synthetic-sh-like/test"))
    shown = np.arange(0, len(truth.frames), 2)
    rooted = np.asarray(truth.joints) - np.asarray(truth.joints)[:, :1]
    exact = (rooted / np.asarray(truth.factor)[:, None, None] * 2 / 1000)[shown]
    first = [folder for folder in evaluated if folder.endswith("seed0")][:2]
    poses = {folder: exact + random.normal(0, 0.01, exact.shape) for folder in first}
    path = Path(POSES.format(dataset="synthetic-sh-like"))
    path.parent.mkdir(parents=True)
    np.savez(path, **{ROWS: shown}, **poses)
    states = dict.fromkeys(folders, State()) | dict.fromkeys(evaluated, State(EVALUATED))
    return states | {STALE_RECORD: State(STALE, "its loss is <not> what it was")}


def write_seen(root: Path, path: Path) -> None:
    """Heatmaps of two networks on two clips of four frames of 40 x 30 pixels; the first frame is annotated."""
    random, arrays = np.random.default_rng(0), {}
    joints = np.zeros((4, 15, 3))
    joints[0] = np.concatenate([random.uniform(5, 25, (15, 2)), np.ones((15, 1))], axis=1)
    for clip in ("alone", "in company"):
        images = [root / f"frames/{clip}/{t}.jpg" for t in range(4)]
        for image in images:
            image.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(image), random.integers(0, 255, (30, 40, 3), np.uint8))
        arrays |= {f"{clip}/images": np.array([str(image) for image in images]), f"{clip}/joints": joints}
        arrays |= {f"{clip}/box": np.tile([5.0, 4.0, 15.0, 20.0], (4, 1))}
        for shift, name in enumerate(("vitpose-b", "glsmamba-b"), 1):
            arrays[f"{clip}/{name}/heatmaps"] = random.integers(0, 255, (4, 15, 4, 3), np.uint8)
            arrays[f"{clip}/{name}/joints"] = (joints[..., :2] + [0, 3 * shift]).astype(np.float32)
    np.savez(path, **arrays)
