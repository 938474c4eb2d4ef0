"""All findings with their evidence, and the audit as JSON and CSV."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from base.files import read_json, write_csv, write_text
from reports.audit import checks  # noqa: F401 - registers them
from reports.audit.finding import CITED, FALLS, NEEDS, STANDS, Material, ShownFinding, order, show
from reports.audit.ledger import make_ledger
from reports.measurements import Choice, read_measurements
from reports.tables.causes import CAUSES
from reports.tables.cell import VERDICTS, read_cells
from studies.findings import Withdrawn, read_findings

SAYS = {  # each status, of one finding and of several
    STANDS: ("reproduces", "reproduce"),
    CITED: ("is shown by the lines it cites", "are shown by the lines they cite"),
    FALLS: ("does not reproduce", "do not reproduce"),
    NEEDS: ("needs data", "need data"),
}
TEXTS = ("id", "kind", "affects", "title", "found", "changes", "means", "status", "needs", "command", "changed")


@dataclass(frozen=True)
class Audit:
    """All claims, a row a claim, with what was found about them; findings first that can change who is ahead."""

    claims: pd.DataFrame
    findings: tuple[ShownFinding, ...]
    withdrawn: tuple[Withdrawn, ...]
    scale: str
    motion: str

    def plain(self) -> dict[str, object]:
        """The audit as JSON has it, with counts of verdicts, causes and statuses."""
        own = self.claims[~self.claims["quoted"].astype(bool)]
        verdicts, causes, in_text = Counter(own["verdict"]), Counter(own["cause"]), own["id"].str.contains("/text/")
        statuses = Counter(finding.status for finding in self.findings)
        return {
            "claims": self.claims.astype(object).where(lambda x: x.notna(), None).to_dict("records"),
            "findings": [finding.plain() for finding in self.findings],
            "withdrawn": [asdict(finding) for finding in self.withdrawn],
            "counts": {
                "tables": int((~in_text).sum()),
                "text": int(in_text.sum()),
                "quoted": len(self.claims) - len(own),
                "verdicts": {verdict: verdicts[verdict] for verdict in VERDICTS},
                "causes": {cause: causes[cause] for cause in CAUSES if causes[cause]},
                "statuses": {status: statuses[status] for status in SAYS},
            },
            "scale": self.scale,
            "motion": self.motion,
        }

    def table(self) -> pd.DataFrame:
        """A row a finding: its texts and the cells that it flags, without the tables of evidence."""
        rows = [{name: getattr(finding, name) for name in TEXTS} for finding in self.findings]
        joined = {name: [" ".join(getattr(f, name)) for f in self.findings] for name in ("about", "cells")}
        return pd.DataFrame(rows, columns=TEXTS).assign(**joined)


def gather(studies: Sequence[str | Path], report: str | Path, experiments: Mapping[str, dict], choice: Choice) -> Audit:
    """Check every claim of the studies.

    report: folder with measurements.csv and cells.csv; experiments: what `workflow.measuring.evidence` gave. Raises
    InputError for a file that is absent or cannot be read.
    """
    ledger = make_ledger(studies, read_cells(Path(report, "cells.csv")))
    material = Material(ledger, read_measurements(Path(report, "measurements.csv")), experiments)
    shown = filter(None, (show(finding, material) for finding in read_findings().stand))
    findings = tuple(sorted(shown, key=order))
    where = (choice.evidence.scale, choice.evidence.motion)
    return Audit(ledger.table(flags(findings)), findings, read_findings().withdrawn, *where)


def write_audit(studies: Sequence[str | Path], report: str | Path, evidence_json: str | Path, choice: Choice) -> Audit:
    """Write `audit.json`, `claims.csv` and `findings.csv` into `<report>/audit`; returns the audit.

    evidence_json: empty where gathering it failed. The rest as `gather`.
    """
    folder = Path(report, "audit")
    audit = gather(studies, report, _evidence(evidence_json) if evidence_json else {}, choice)
    write_text(folder / "audit.json", json.dumps(audit.plain(), separators=(",", ":"), ensure_ascii=False) + "\n")
    write_csv(folder / "claims.csv", audit.claims)
    write_csv(folder / "findings.csv", audit.table())
    return audit


def flags(findings: Sequence[ShownFinding]) -> dict[str, list[str]]:
    """Ids of the findings that are true of each claim, by the claim's id."""
    flagged: dict[str, list[str]] = {}
    for finding in findings:
        for cell in finding.cells if finding.status == STANDS else ():
            flagged.setdefault(cell, []).append(finding.id)
    return flagged


def _evidence(path: str | Path) -> dict[str, dict]:
    return read_json(path, "delete it and run `make audit`")
