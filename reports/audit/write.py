"""All findings with their evidence, and the audit as JSON and CSV."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from base.errors import InputError
from base.files import write_csv, write_text
from reports.audit import checks  # noqa: F401 - registers them
from reports.audit.finding import CITED, FALLS, NEEDS, STANDS, Material, order, show
from reports.audit.ledger import make_ledger
from reports.measurements import Choice, read_measurements
from reports.tables.cell import VERDICTS, read_cells
from studies.findings import read_findings

SAYS = {  # each status, of one finding and of several
    STANDS: ("reproduces", "reproduce"),
    CITED: ("is shown by the lines that it cites", "are shown by the lines that they cite"),
    FALLS: ("does not reproduce", "do not reproduce"),
    NEEDS: ("needs data", "need data"),
}
TEXTS = ("id", "kind", "affects", "title", "found", "changes", "means", "status", "needs", "command", "changed")


def gather(studies: Sequence[str | Path], report: str | Path, experiments: dict[str, dict], choice: Choice) -> dict:
    """The audit as plain data: claims, findings, and counts of verdicts and statuses.

    report: folder with measurements.csv and cells.csv; experiments: what `workflow.measuring.evidence` gave. Raises
    InputError for a file that is absent or cannot be read.
    """
    ledger = make_ledger(studies, read_cells(Path(report, "cells.csv")))
    material = Material(ledger, read_measurements(Path(report, "measurements.csv")), experiments)
    shown = filter(None, (show(finding, material) for finding in read_findings().stand))
    findings = sorted(shown, key=order)
    verdicts = Counter(claim.verdict for claim in ledger.claims.values())
    return {
        "claims": ledger.table(flags(findings)).astype(object).where(lambda x: x.notna(), None).to_dict("records"),
        "findings": findings,
        "withdrawn": [asdict(finding) for finding in read_findings().withdrawn],
        "counts": {
            "verdicts": {verdict: verdicts[verdict] for verdict in VERDICTS},
            "statuses": {s: sum(f["status"] == s for f in findings) for s in SAYS},
        },
        "scale": choice.scale,
        "dataset": choice.dataset,
    }


def write_audit(studies: Sequence[str | Path], report: str | Path, evidence_json: str | Path, choice: Choice) -> dict:
    """Write `audit.json`, `claims.csv` and `findings.csv` into `<report>/audit`; returns the audit.

    evidence_json: empty where gathering it failed. The rest as `gather`.
    """
    folder = Path(report, "audit")
    audit = gather(studies, report, _evidence(evidence_json) if evidence_json else {}, choice)
    write_text(folder / "audit.json", json.dumps(audit, indent=1, ensure_ascii=False) + "\n")
    write_csv(folder / "claims.csv", pd.DataFrame(audit["claims"]))
    write_csv(folder / "findings.csv", findings_table(audit))
    return audit


def flags(findings: Sequence[dict]) -> dict[str, list[str]]:
    """Ids of the findings that are true of each claim, by the claim's id."""
    flagged: dict[str, list[str]] = {}
    for finding in findings:
        for cell in finding["cells"] if finding["status"] == STANDS else ():
            flagged.setdefault(cell, []).append(finding["id"])
    return flagged


def findings_table(audit: dict) -> pd.DataFrame:
    """A row a finding: its texts and the cells that it flags, without the tables of evidence."""
    rows = [{key: finding[key] for key in TEXTS} for finding in audit["findings"]]
    joined = {key: [" ".join(finding[key]) for finding in audit["findings"]] for key in ("about", "cells")}
    return pd.DataFrame(rows, columns=TEXTS).assign(**joined)


def _evidence(path: str | Path) -> dict[str, dict]:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `make audit` writes it") from None
    except ValueError:
        raise InputError(f"{path}: is no JSON; delete it and run `make audit`") from None
