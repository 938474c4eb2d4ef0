"""A finding in the terminal: plain text, its evidence in columns, nothing escaped."""

from reports.audit.finding import ShownFinding
from studies.findings import read_findings
from workflow.commands.audit import _text


def test_a_finding_is_told_with_its_evidence_in_columns() -> None:
    written = next(f for f in read_findings().stand if f.claimed and f.claimed[0].words)
    evidence = {"head": ("network", "MACs"), "rows": (("mixste", "1"), ("a", "22")), "true_of": {"s/t": ["X p"]}}
    shown = (
        vars(written) | evidence | {"code": (), "said": (), "status": "cited", "changed": "a < b", "command": "make"}
    )
    lines = _text(ShownFinding(**shown)).splitlines()
    assert lines[:2] == [written.title, f"  {written.kind}, cited"]
    assert lines[2].endswith(f": “{written.claimed[0].words}”")
    assert "  changed: a < b" in lines
    assert lines[-4:] == ["  true of: X p (s/t)", "  network  MACs", "  mixste   1", "  a        22"]
