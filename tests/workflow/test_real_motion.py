"""Real motion capture from end to end: fetched from a mirror, prepared, filmed, trained on, reported."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from checkout import Checkout

from datasets.fetching.sources import catalogue

pytestmark = [pytest.mark.slow, pytest.mark.shared]

VARIANTS = ["mean-pose", "mlp", "posemamba-s-27", "glsmamba-b", "vitpose-b"]
DATASET = "cmu-small-sh-like"


@pytest.fixture(scope="module")
def finished(measured_checkout: Callable[[], Checkout], shared: Path) -> Checkout:
    checkout = measured_checkout()
    checkout.configure(lambda config: config.update(motion="cmu-small", variants=VARIANTS))
    checkout.configure(lambda config: config.update(studies=["mini", "mini-video"]))
    mirrors = f"{shared}/data/cmu,{shared}/data/cmu/extra"
    checkout.configure(lambda config: config["sources"]["cmu"].update(mirror=mirrors))
    result = checkout.snakemake()
    assert result.returncode == 0, result.stdout
    assert "Look at results/quick/cmu-small/site/index.html" in result.stdout
    return checkout


def test_every_selected_variant_is_trained_and_labelled_with_its_data(finished: Checkout) -> None:
    tables = finished / "results/quick/cmu-small/tables"
    cells = pd.read_csv(tables / "mini-table1.csv").set_index(["row", "column"])
    for row in ("mean-pose", "mlp", "posemamba"):
        p1 = cells.loc[row, "p1"]
        assert (p1["dataset"], p1["scale"], p1["verdict"]) == (DATASET, "quick", "not comparable")
        assert p1["measured"] > 0
    sasmamba = cells.loc["sasmamba", "p1"]
    assert sasmamba["verdict"] == "not run"
    assert "selected" in sasmamba["why"]
    assert cells.loc[("sasmamba", "params"), "measured"] > 0  # counted all the same
    for kind in ("md", "tex"):
        assert "cmu-small" in (tables / f"mini-table1.{kind}").read_text()


def test_networks_for_video_learn_from_videos_of_that_motion(finished: Checkout) -> None:
    tables = finished / "results/quick/cmu-small/tables"
    cells = pd.read_csv(tables / "mini-video-table1.csv").set_index(["row", "column"])
    for row, columns in {"scans": ("ap", "wrist", "copies"), "frame": ("ap", "wrist", "copies")}.items():
        for column in columns:
            cell = cells.loc[row, column]
            assert (cell["dataset"], cell["verdict"]) == ("video-cmu-small", "not comparable")
            assert 0 <= cell["measured"] <= 100
    assert cells.loc[("frame", "ap"), "measured"] == cells.loc[("frame", "copies"), "measured"]  # it sees one frame
    assert cells.loc[("scans", "paper"), "verdict"] == "not run"  # the paper's data are not here
    start = finished / "results/runs/quick/video-cmu-small/vitpose-b/pretraining/seed0/run.json"
    assert json.loads(start.read_text())["steps"] == 3


def test_the_data_say_where_they_come_from(finished: Checkout) -> None:
    source = catalogue()["cmu"]
    for split in ("train", "val", "test"):
        card = json.loads((finished / f"data/prepared/{DATASET}/{split}/card.json").read_text())
        text = json.dumps(card)
        assert source.home in text
        assert source.licence in text
        assert card["counts"]["frames"] > 0
        clips = [name for name in source.files if name in text]
        assert any(name.endswith(".amc") for name in clips)
        assert all(source.files[name].sha256 in text for name in clips)
