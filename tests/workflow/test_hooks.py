"""What a run says at its end."""

from pathlib import Path

import pytest
from checkout import ROOT

from base.reading import read_yaml
from studies.config import checked_config
from studies.places import Places
from workflow import hooks


def test_tables_of_an_earlier_revision_are_a_warning(elsewhere: Path, capsys: pytest.CaptureFixture) -> None:
    """Of a command that makes no tables: what it made is well."""
    config = checked_config(read_yaml(ROOT / "config.yaml"))
    cells = Path(Places(config.scale.name, config.motion).cells)
    cells.parent.mkdir(parents=True)
    cells.write_text("study,table\nmini,table1\n", encoding="utf-8")
    hooks.end(config)
    warning, place = capsys.readouterr().out.splitlines()
    assert warning.startswith(f"warning: {cells}: lacks the columns ")
    assert place == "Look at results/runs and results/efficiency"
