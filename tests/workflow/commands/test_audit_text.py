"""A finding in the terminal: plain text, its evidence in columns, nothing escaped."""

from dataclasses import asdict

from studies.findings import read_findings
from workflow.commands.audit import _text


def test_a_finding_is_told_with_its_evidence_in_columns() -> None:
    finding = asdict(next(f for f in read_findings().stand if f.claimed and f.claimed[0].words))
    finding |= {"code": (), "said": (), "status": "cited", "needs": "", "changed": "a < b", "true_of": {"s/t": ["X p"]}}
    lines = _text(finding | {"head": ("network", "MACs"), "rows": (("mixste", "1"), ("a", "22"))}).splitlines()
    assert lines[:2] == [finding["title"], f"  {finding['kind']}, cited"]
    assert lines[2].endswith(f": “{finding['claimed'][0]['words']}”")
    assert "  changed: a < b" in lines
    assert lines[-4:] == ["  true of: X p (s/t)", "  network  MACs", "  mixste   1", "  a        22"]
