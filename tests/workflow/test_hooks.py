"""What a run says at its end."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from checkout import ROOT

from base.reading import read_yaml
from studies.config import Config, checked_config
from studies.places import Places
from workflow import hooks


@pytest.fixture
def config(elsewhere: Path) -> Config:
    """With tables of an earlier revision."""
    config = checked_config(read_yaml(ROOT / "config.yaml"))
    cells = Path(Places(config.scale.name, config.motion).cells)
    cells.parent.mkdir(parents=True)
    cells.write_text("study,table\nmini,table1\n", encoding="utf-8")
    return config


def said(config: Config, capsys: pytest.CaptureFixture, *outputs: str) -> list[str]:
    """What a run that makes these files says."""
    hooks.end(config, SimpleNamespace(dag=SimpleNamespace(jobs=[SimpleNamespace(output=outputs)])))
    return capsys.readouterr().out.splitlines()


def test_tables_of_an_earlier_revision_are_a_warning(config: Config, capsys: pytest.CaptureFixture) -> None:
    places = Places(config.scale.name, config.motion)
    warning, place = said(config, capsys, places.cells)
    assert warning.startswith(f"warning: {places.cells}: lacks the columns ")
    assert place == f"Look at {places.report}"


@pytest.mark.parametrize(
    ("outputs", "lines"),
    [
        (("results/records/fingerprints.csv",), []),
        (("results/runs/quick/a", "results/efficiency/a"), ["Look at results/runs and results/efficiency"]),
        (("results/runs/quick/a", "records/small/a"), ["Look at results/runs and records"]),
        (("results/runs/quick/a", "results/quick/synthetic/figures/a"), ["Look at results/quick/synthetic"]),
    ],
)
def test_a_run_without_tables_says_nothing_of_older_ones(
    config: Config, capsys: pytest.CaptureFixture, outputs: tuple[str, ...], lines: list[str]
) -> None:
    assert said(config, capsys, *outputs) == lines
