"""All checks in one place, and the audit as JSON, CSV and the body of a page."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from reports.audit import arithmetic, code, contradictions, counting, peers, protocol
from reports.audit.finding import FALLS, KINDS, NEEDS, STANDS, Check, Finding, Material
from reports.audit.ledger import make_ledger
from reports.layout import SYMBOLS
from reports.measurements import Choice, read_measurements
from reports.pages import render
from reports.verdicts import VERDICTS
from studies.errors import InputError
from studies.files import write_text, write_whole

CHECKS: tuple[Check, ...] = (
    contradictions.two_values,
    arithmetic.sentences,
    arithmetic.steps,
    arithmetic.quotients,
    arithmetic.means,
    counting.hidden_weights,
    counting.hidden_operations,
    code.uncounted,
    counting.halved,
    counting.unmatched,
    peers.units,
    peers.order,
    peers.one_frame_out,
    peers.windows,
    peers.closed_forms,
    peers.weights,
    peers.mixed_variants,
    peers.impossible,
    peers.dense,
    counting.copied,
    protocol.best_on_test,
    protocol.overwritten,
    protocol.boxes,
    protocol.families,
    protocol.refined,
    protocol.marks,
    code.limb_order,
    code.limb_gradient,
    code.one_sequence,
    code.scale_term,
    code.drop_path,
    code.first_norm,
    code.released_graphs,
    code.mended,
)
STATUSES = (STANDS, FALLS, NEEDS)


def gather(studies: Sequence[str | Path], measurements_csv: str | Path, evidence_json: str | Path, **options) -> dict:
    """The audit as plain data: claims, findings, and counts of verdicts and statuses.

    evidence_json: empty where gathering it failed. options: those of `reports.tables.build_table`. Raises InputError for
    files that are absent or cannot be read.
    """
    measurements = read_measurements(measurements_csv)
    ledger = make_ledger(studies, measurements, **options)
    material = Material(ledger, measurements, Choice(**options), _evidence(evidence_json) if evidence_json else {})
    findings = [finding for check in CHECKS for finding in check(material)]
    verdicts = Counter(claim.verdict for claim in ledger.claims.values())
    return {
        "claims": ledger.table().astype(object).where(lambda x: x.notna(), None).to_dict("records"),
        "findings": [asdict(finding) for finding in findings],
        "counts": {
            "verdicts": {verdict: verdicts[verdict] for verdict in VERDICTS},
            "statuses": {s: sum(f.status == s for f in findings) for s in STATUSES},
        },
        "scale": material.choice.scale,
        "dataset": material.choice.dataset,
    }


def write_audit(
    studies: Sequence[str | Path],
    measurements_csv: str | Path,
    evidence_json: str | Path,
    folder: str | Path,
    **options,
) -> dict:
    """Write `audit.json`, `claims.csv`, `findings.csv` and `index.html` into the folder; returns the audit."""
    audit, folder = gather(studies, measurements_csv, evidence_json, **options), Path(folder)
    write_text(folder / "audit.json", json.dumps(audit, indent=1, ensure_ascii=False) + "\n")
    _write_csv(pd.DataFrame(audit["claims"]), folder / "claims.csv")
    _write_csv(findings_table(audit), folder / "findings.csv")
    write_text(folder / "index.html", render("audit_page.html", audit=audit, body=audit_body(audit)))
    return audit


def audit_body(audit: dict) -> Markup:
    """The body of the audit's page, from what `gather` returns; text from data is escaped."""
    return Markup(render("audit.html", audit=audit, kinds=KINDS, symbols=SYMBOLS))


def findings_table(audit: dict) -> pd.DataFrame:
    """A row a finding: its texts, without the tables of evidence."""
    keys = [field for field in Finding.__dataclass_fields__ if field not in ("head", "rows")]
    rows = [{key: finding[key] for key in keys} for finding in audit["findings"]]
    return pd.DataFrame(rows, columns=keys).assign(
        claims=[" ".join(row["claims"]) for row in rows], reported=["; ".join(row["reported"]) for row in rows]
    )


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    write_whole(path, lambda part: table.to_csv(part, index=False, lineterminator="\n"))


def _evidence(path: str | Path) -> dict[str, dict]:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `make audit` writes it") from None
    except ValueError:
        raise InputError(f"{path}: is no JSON; delete it and run `make audit`") from None
