"""Scale paper on videos: PoseTrack2018 and Sub-JHMDB in miniature, a ViTPose of the papers' size, to a table."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from checkout import Checkout

import models
from datasets.rendered.prepare import prepare_video
from models.video.official import LAYOUTS

pytestmark = [pytest.mark.slow, pytest.mark.shared]
SMALL = {"train": 1, "val": 1, "frames": 3, "middle": 1, "middle_val": 1, "size": [64, 48]}


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Checkout:
    folder = tmp_path_factory.mktemp("paper")
    checkout = Checkout(folder / "copy")
    checkout.configure(lambda config: config.update(override={"epochs": 1}))
    checkout.configure(lambda config: config.update(weights={"coco": {"vitpose-b": "vitpose.pth"}}))
    torch.save({"state_dict": coco_weights()}, checkout / "vitpose.pth")
    prepare_video("video-synthetic", folder / "rendered", options=SMALL)
    shutil.copytree(folder / "rendered", checkout / "data/raw/posetrack18")
    for file in (checkout / "data/raw/posetrack18").glob("annotations/*.json"):
        file.unlink()  # the merged files
    jhmdb = checkout / "data/raw/jhmdb"
    shutil.copytree(shared / "fixtures/synthetic/jhmdb/original", jhmdb)
    for clip in jhmdb.glob("Rename_Images/*/*"):  # the fixture has the first three frames
        for number in range(4, 16):
            shutil.copy(clip / "00001.png", clip / f"{number:05d}.png")
    result = checkout.snakemake("tables", "--config", "scale=paper", "studies=mini-paper-video")
    assert result.returncode == 0, result.stdout
    return checkout


def coco_weights() -> dict[str, torch.Tensor]:
    """Of a ViTPose-B for COCO's 17 joints, by the names of the authors' files."""
    found = {}
    for name, tensor in models.build("vitpose-b", joints=17).state_dict().items():
        (key,) = LAYOUTS["official"].keys(name)
        found[key] = tensor[None] if name == "encoder.pos_embed" else tensor
    return found


def test_the_table_has_numbers_of_both_benchmarks(paper: Checkout) -> None:
    cells = pd.read_csv(paper / "results/paper/human36m/tables/mini-paper-video-videos.csv").set_index("column")
    assert cells.loc["detected", "convention"] == "poseval+detected-boxes/val/best_test"
    assert cells.loc["detected", "dataset"] == "video-posetrack18"
    assert 0 <= cells.loc["detected", "measured"] <= 100
    assert "1 train videos of 593, 1 test videos of 170, 1 of 210 epochs" in cells.loc["detected", "why"]
    assert cells.loc["mean", "why"].startswith("boxes not stated by the paper: ")
    assert "with true boxes" in cells.loc["mean", "why"]
    assert cells.loc["jhmdb", "convention"] == "jhmdb-person+gt-boxes/val/best_test"
    assert 0 <= cells.loc["jhmdb", "measured"] <= 100
    assert cells.loc["jhmdb", "verdict"] == "not comparable"


def test_encoders_start_from_the_official_weights(paper: Checkout) -> None:
    run = paper / "results/runs/paper/video-posetrack18/vitpose-b/pretraining/seed0/run.json"
    record = json.loads(run.read_text(encoding="utf-8"))
    assert any("vitpose.pth" in name for name in record["inputs"]["data"])
    assert record["spec"]["recipe"]["hold_out"] is False
