"""A whole made-up report, as the workflow would leave it, for tests of the site."""

import json
from pathlib import Path
from shutil import copytree

import numpy as np
from demo_results import DEMO, OPTIONS, write_results

from models.ssm.orders import drawn_orders
from reports.audit.write import write_audit
from reports.comparisons import write_comparisons
from reports.tables import write_tables
from studies.load import load_study

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
    comparisons = write_comparisons([DEMO], measurements, root / "noise.csv", report / "comparisons.csv", **OPTIONS)
    write_audit([DEMO], measurements, root / "evidence.json", report / "audit", **OPTIONS)
    write_tables(DEMO, measurements, report / "tables", comparisons, **OPTIONS)
    (report / "figures").mkdir()
    for figure in load_study(DEMO)["figures"]:
        (report / "figures" / f"demo-{figure['id']}.svg").write_text(SVG, encoding="utf-8")
    return report
