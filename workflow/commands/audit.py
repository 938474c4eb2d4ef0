"""Findings with their evidence in the terminal, from the counts of the last `make`."""

import json
import subprocess
import sys
from pathlib import Path

from base.errors import InputError
from base.reading import nearest
from reports.audit.finding import EXPERIMENTS
from reports.audit.write import gather
from reports.measurements import Choice
from reports.tables.cell import read_cells

REPORT = Path("results/quick/synthetic")
CHOICE = Choice("quick", "synthetic")


def main(wanted: list[str]) -> None:
    """Make every experiment and check again and print the wanted findings; all titles where none is named."""
    studies = list(dict.fromkeys(cell.study for cell in read_cells(REPORT / "cells.csv")))
    audit = gather(studies, REPORT, _experiments(wanted), CHOICE)
    texts = {finding["id"]: _text(finding) for finding in audit["findings"]}
    texts |= {f["id"]: f"{f['title']}\n  withdrawn: {f['why']}" for f in audit["withdrawn"]}
    for name in wanted:
        if name not in texts:
            raise InputError(f"no finding {name!r}{nearest(name, texts)}")
        print(texts[name])
    if not wanted:
        print("\n".join(f"{f['status']:20} {f['kind']:14} {f['id']:28} {f['title']}" for f in audit["findings"]))


def _experiments(wanted: list[str]) -> dict[str, dict]:
    """What the experiments behind these findings, or all, give now: in a process that may import models."""
    names = [name for name in wanted if name in EXPERIMENTS]
    if wanted and not names:
        return {}
    return json.loads(subprocess.check_output([sys.executable, "-m", "workflow.measuring.evidence", *names], text=True))


def _text(finding: dict) -> str:
    """A finding as plain text, its evidence as aligned columns."""
    lines = [finding["title"], f"  {finding['kind']}, {finding['status']}"]
    lines += [f"  claimed: {q['where']}" + (f": “{q['words']}”" if q["words"] else "") for q in finding["claimed"]]
    lines += [f"  {key}: {finding[key]}" for key in ("found", "changes", "means", "needs", "changed") if finding[key]]
    lines += [f"  code: {c['does']}\n        {c['link']}" for c in finding["code"]]
    lines += [f"  said: {s['by']} ({s['source']}): {s['words']}" for s in finding["said"]]
    lines += [f"  true of: {', '.join(cells)} ({table})" for table, cells in finding["true_of"].items()]
    rows = [finding["head"], *finding["rows"]]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(finding["head"]))]
    lines += ["  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
