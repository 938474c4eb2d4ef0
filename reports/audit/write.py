"""All findings with their evidence, and the audit as JSON, CSV and the body of a page."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from base.errors import InputError
from base.files import write_csv, write_text
from reports.audit import checks  # noqa: F401 - registers them
from reports.audit.finding import CITED, FALLS, NEEDS, STANDS, Material, order, show
from reports.audit.ledger import make_ledger
from reports.layout import SYMBOLS
from reports.measurements import Choice, read_measurements
from reports.pages import render
from reports.verdicts import VERDICTS
from studies.findings import EFFECTS, KINDS, read_findings

SAYS = {  # each status, of one finding and of several
    STANDS: ("reproduces", "reproduce"),
    CITED: ("is shown by the lines that it cites", "are shown by the lines that they cite"),
    FALLS: ("does not reproduce", "do not reproduce"),
    NEEDS: ("needs data", "need data"),
}
TEXTS = ("id", "kind", "affects", "title", "found", "changes", "means", "status", "needs", "command", "changed")


def gather(
    studies: Sequence[str | Path], measurements_csv: str | Path, experiments: dict[str, dict], **options
) -> dict:
    """The audit as plain data: claims, findings, and counts of verdicts and statuses.

    experiments: what `workflow.measuring.evidence` gave. options: those of `reports.tables.build_table`. Raises InputError for
    measurements that are absent or cannot be read.
    """
    measurements = read_measurements(measurements_csv)
    ledger = make_ledger(studies, measurements, **options)
    material, choice = Material(ledger, measurements, experiments), Choice(**options)
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


def write_audit(
    studies: Sequence[str | Path],
    measurements_csv: str | Path,
    evidence_json: str | Path,
    folder: str | Path,
    **options,
) -> dict:
    """Write `audit.json`, `claims.csv`, `findings.csv` and `index.html` into the folder; returns the audit.

    evidence_json: empty where gathering it failed. The rest as `gather`.
    """
    experiments, folder = _evidence(evidence_json) if evidence_json else {}, Path(folder)
    audit = gather(studies, measurements_csv, experiments, **options)
    write_text(folder / "audit.json", json.dumps(audit, indent=1, ensure_ascii=False) + "\n")
    write_csv(folder / "claims.csv", pd.DataFrame(audit["claims"]))
    write_csv(folder / "findings.csv", findings_table(audit))
    write_text(folder / "index.html", render("audit_page.html", audit=audit, body=audit_body(audit)))
    return audit


def flags(findings: Sequence[dict]) -> dict[str, list[str]]:
    """Ids of the findings that are true of each claim, by the claim's id."""
    flagged: dict[str, list[str]] = {}
    for finding in findings:
        for cell in finding["cells"] if finding["status"] == STANDS else ():
            flagged.setdefault(cell, []).append(finding["id"])
    return flagged


def audit_body(audit: dict) -> Markup:
    """The body of the audit's page, from what `gather` returns; text from data is escaped."""
    return Markup(render("audit.html", audit=audit, kinds=KINDS, effects=EFFECTS, symbols=SYMBOLS, says=SAYS))


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
