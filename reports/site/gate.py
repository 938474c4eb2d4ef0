"""The site's page of the gate: the last verdict on this checkout, or how to get one."""

from pathlib import Path

from base.files import read_json, write_text
from reports.regression.verdict import SHOWN, Verdict
from reports.site.pages import Page, render

GATE_JSON = "gate.json"  # beside measurements.csv
FILE = "gate.html"


def render_gate(verdict: Verdict | dict | None, **base: object) -> str:
    """verdict: of the gate, or what its JSON holds; None where it was not asked for. base: what base.html shows."""
    return render("gate.html", verdict=verdict, shown=SHOWN, page=FILE, root="", **base)


def read_verdict(report: Path) -> dict | None:
    """The verdict that the gate left in a report's folder."""
    path = report / GATE_JSON
    return read_json(path, "delete it and run `make regression`") if path.is_file() else None


def write_gate_page(site: Path, verdict: Verdict) -> None:
    """Renew the page in a site that is there; its bar leads back to the overview alone."""
    if (site / FILE).is_file():
        pages = (Page("index.html", "Overview", ""), Page(FILE, "Gate", ""))
        write_text(site / FILE, render_gate(verdict, pages=pages))
