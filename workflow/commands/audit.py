"""Findings with their evidence in the terminal, from the counts of the last `make`."""

import json
import subprocess
import sys

from base.errors import InputError
from base.reading import nearest
from reports.audit.finding import EXPERIMENTS, ShownFinding
from reports.audit.write import gather
from reports.measurements import Choice
from reports.site.pages import render
from reports.tables.cell import read_cells
from studies.places import Places

CHOICE = Choice("quick", "synthetic")
PLACES = Places(CHOICE.scale, CHOICE.motion)


def main(wanted: list[str]) -> None:
    """Make every experiment and check again and print the wanted findings; all titles where none is named."""
    studies = list(dict.fromkeys(cell.study for cell in read_cells(PLACES.cells)))
    audit = gather(studies, PLACES.report, _experiments(wanted), CHOICE)
    texts = {finding.id: _text(finding) for finding in audit.findings}
    texts |= {finding.id: f"{finding.title}\n  withdrawn: {finding.why}" for finding in audit.withdrawn}
    for name in wanted:
        if name not in texts:
            raise InputError(f"no finding {name!r}{nearest(name, texts)}")
        print(texts[name])
    if not wanted:
        print("\n".join(f"{f.status:20} {f.kind:14} {f.id:28} {f.title}" for f in audit.findings))


def _experiments(wanted: list[str]) -> dict[str, dict]:
    """What the experiments behind these findings, or all, give now: in a process that may import models."""
    names = [name for name in wanted if name in EXPERIMENTS]
    if wanted and not names:
        return {}
    return json.loads(subprocess.check_output([sys.executable, "-m", "workflow.measuring.evidence", *names], text=True))


def _text(finding: ShownFinding) -> str:
    """A finding as plain text, its evidence as aligned columns."""
    rows = [list(map(str, row)) for row in (finding.head, *finding.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    text = render("finding.txt", f=finding, evidence=lines)
    return "\n".join(line.rstrip() for line in text.splitlines())
