"""A whole made-up report, as the workflow would leave it, for tests of the site."""

import json
from pathlib import Path
from shutil import copytree

import cv2
import numpy as np
from demo_results import DEMO, OPTIONS, write_results

from models.ssm.orders import drawn_orders
from reports.audit.write import write_audit
from reports.comparisons import write_comparisons
from reports.measurements import Choice
from reports.orders.judge import judge as judge_orders
from reports.orders.writers import write_lists
from reports.tables.judge import judge
from reports.tables.writers import write_tables
from studies.load import load_study, study_names

REPORT = Path("results/quick/synthetic")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


def write_report(root: Path) -> Path:
    """Measurements, runs, comparisons, audit, tables, figures of the demo study; the current folder must be `root`."""
    report = root / REPORT
    report.mkdir(parents=True)
    (root / "made").mkdir()
    measurements = write_results(root / "made").rename(report / "measurements.csv")
    copytree(root / "made" / "prepared", root / "data" / "prepared")
    (root / "results/efficiency").mkdir()
    np.savez(root / "results/efficiency/scan_orders.npz", **drawn_orders())
    (root / "noise.csv").write_text("device,metric,floor\nsome CPU,mpjpe,0.0\n", encoding="utf-8")
    (root / "evidence.json").write_text(json.dumps({}), encoding="utf-8")
    choice = Choice(**OPTIONS)
    comparisons = write_comparisons([DEMO], measurements, root / "noise.csv", report / "comparisons.csv", choice)
    judge([*study_names(), DEMO], measurements, comparisons, report / "cells.csv", choice)
    judge_orders([DEMO], measurements, root / "noise.csv", report / "orders.csv", choice)
    write_lists([DEMO], report / "orders.csv", report / "tables", choice)
    write_audit([*study_names(), DEMO], report, root / "evidence.json", choice)
    write_tables([DEMO], report / "cells.csv", report / "tables", choice)
    write_seen(root, report / "heatmaps.npz")
    (report / "figures").mkdir()
    for figure in load_study(DEMO).figures:
        (report / "figures" / f"demo-{figure.id}.svg").write_text(SVG, encoding="utf-8")
    return report


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
