"""The peers on video are trained by their own recipes: the loss falls, and a training that was killed ends the same."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from run_bytes import run_bytes
from safetensors.torch import load_file
from torch import Tensor

import training.loop
from base.errors import InputError
from datasets.video.joints import CHANNELS, JHMDB, POSETRACK, in_channels, of_channels
from datasets.video.videos import Videos
from models.checkpoints import as_released
from studies.data import Boxes, Dataset
from studies.predictions import JOINTS, SCORES
from studies.recipes import OFFICIAL, RunSpec, recipes
from training.job import Job
from training.run import build_model, train
from training.video import Video
from workflow.measuring.scores import Run, scores
from workflow.measuring.video_scores import VideoScorer

SIZE = {"encoder": "hrnet-tiny", "encoder_norms": "eval", "image_height": 64, "image_width": 32}
BACKBONE = {"encoder": "tiny", "image_height": 64, "image_width": 48}
VIT = SIZE | {"encoder": "tiny", "depth": 1, "drop_path": 0.0}
del VIT["encoder_norms"]
# Networks by the recipes that teach them, shrunken.
TAUGHT: dict[str, tuple[str, dict]] = {
    "hrnet": ("hrnet-w48", SIZE),
    "posewarper": ("posewarper", SIZE | {"width": 8, "depth": 1}),
    "dcpose": ("dcpose", SIZE | {"width": 8}),
    "fami-pose": ("fami-pose", SIZE | {"first_linear": "narrowed", "shift_width": 4, "shift_hidden": 8}),
    "tdmi": ("tdmi", SIZE),
    "dsta": ("dsta-vit-b", VIT),
}


def spec_of(recipe: str, **changes: object) -> RunSpec:
    """A run specification as the plan makes it, at a tiny scale; changes: of the recipe."""
    small = {"epochs": 2, "steps": 4, "batch": 4, "schedule": "linear", "sigma": 1.0, "learning_rate": 2e-3}
    name, hyper = TAUGHT[recipe]
    taught = replace(recipes()[recipe], **small | {"milestones": ()} | changes)
    return RunSpec("small", Dataset("synthetic"), name, recipe, 0, "auto", hyper, taught, (Boxes("detected"),))


@pytest.mark.parametrize("recipe", TAUGHT)
def test_the_loss_of_a_batch_falls(videos: Path, recipe: str) -> None:
    torch.manual_seed(0)
    spec = spec_of(recipe)
    model = build_model(spec).train()
    if recipe == "posewarper":  # which can do nothing with the empty heatmaps of an HRNet that was never trained
        model.encoder_norms = "train"
        torch.nn.init.normal_(model.encoder.final_layer.weight, std=0.1)
        model.train()
    task = Video(model, videos, spec.recipe, [], None)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    losses = []
    for _ in range(40):
        loss, terms = task.loss(model, torch.arange(4), 0, 0)
        assert tuple(terms) == task.terms
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all()
    assert min(losses[-5:]) < losses[0] - 0.1 * abs(losses[0])


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_the_same_bytes(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that has a flow: the loop is the same for all."""
    monkeypatch.setattr(training.loop, "SECONDS_BETWEEN_SAVES", 0)  # save after every step
    spec, loss = spec_of("dsta"), Video.loss
    train(Job(spec, videos, tmp_path / "whole", tmp_path / "state-whole"))

    def killed(self: Video, model: object, rows: Tensor, seed: int, step: int, *part: slice) -> tuple:
        if step == 5:
            raise KeyboardInterrupt
        return loss(self, model, rows, seed, step, *part)

    with monkeypatch.context() as patched:
        patched.setattr(Video, "loss", killed)
        with pytest.raises(KeyboardInterrupt):
            train(Job(spec, videos, tmp_path / "killed", tmp_path / "state"))
    assert not (tmp_path / "killed").exists()
    train(Job(spec, videos, tmp_path / "killed", tmp_path / "state"))
    assert run_bytes(tmp_path / "killed") == run_bytes(tmp_path / "whole")
    rows = list(csv.DictReader((tmp_path / "whole/history.csv").open()))
    for row in rows:
        total = sum(weight * float(row[name]) for name, weight in spec.recipe.terms.items())
        assert float(row["loss"]) == pytest.approx(total, rel=1e-5, abs=1e-7)
    assert all(torch.isfinite(value).all() for value in load_file(tmp_path / "whole/weights.safetensors").values())


@pytest.mark.parametrize("recipe", ["posewarper", "dsta"])
def test_official_weights_are_judged_as_they_are(videos: Path, tmp_path: Path, recipe: str) -> None:
    spec = replace(spec_of(recipe), recipe_name=OFFICIAL)
    torch.manual_seed(1)
    released = build_model(spec)
    own = {name: value.clone() for name, value in released.state_dict().items()}
    torch.save({"state_dict": as_released(released, released.layouts[0])}, tmp_path / "released.pth")
    train(Job(spec, videos, tmp_path / "run", tmp_path / "state", official=tmp_path / "released.pth"))
    written = load_file(tmp_path / "run/weights.safetensors")
    assert all(torch.equal(written[name], own[name]) for name in written)
    assert json.loads((tmp_path / "run/run.json").read_text())["steps"] == 0
    conventions = {score.convention for score in scores(Run.read(tmp_path / "run"), VideoScorer(videos))}
    for boxes in ("gt", "detected"):
        assert f"poseval+{boxes}-boxes/val/best_test" in conventions


def test_a_vitpose_is_no_network_for_posetrack(videos: Path, tmp_path: Path) -> None:
    spec = replace(spec_of("hrnet"), variant="vitpose-b", hyper=BACKBONE, recipe_name=OFFICIAL)
    with pytest.raises(InputError, match=r"^\w+: official weights are of COCO's joints, or there are none; "):
        train(Job(spec, videos, tmp_path / "run", tmp_path / "state", official=tmp_path / "released.pth"))


def test_joints_find_their_channels_and_come_back() -> None:
    values = np.random.default_rng(0).normal(size=(2, 15, 3))
    filled = in_channels(values, POSETRACK, len(CHANNELS))
    assert not filled[:, [CHANNELS.index(f"{side}_ear") for side in ("left", "right")]].any()
    np.testing.assert_array_equal(of_channels(filled, POSETRACK), values)
    assert in_channels(values, POSETRACK, 15) is values
    with pytest.raises(InputError, match="the network answers with 17 joints, the data have 15"):
        in_channels(values, JHMDB, 17)


@pytest.mark.parametrize(("recipe", "protocols"), [("dcpose", ["poseval", "poseval-shoulders"]), ("tdmi", ["poseval"])])
def test_two_necks_are_scored_where_papers_differ_in_them(videos: Path, recipe: str, protocols: list[str]) -> None:
    """All joints are right but the left shoulder: so the neck between the shoulders is wrong, its channel is not."""
    persons = Videos(videos).persons("val", "gt")
    joints = persons.keypoints[..., :2].copy()
    joints[:, POSETRACK.names.index("left_shoulder")] += 1000
    answers = {JOINTS: joints, SCORES: np.ones(joints.shape[:2])}
    found = VideoScorer(videos).score(SimpleNamespace(spec=spec_of(recipe)), str(Boxes("gt")), answers)
    values = {protocol: {} for protocol in protocols}
    for score in found:
        values[score.convention.partition("+")[0]][score.metric] = score.value
    assert values["poseval"]["ap_head"] == 100
    if len(protocols) > 1:
        assert values["poseval-shoulders"].pop("ap_head") < 100
        changed = {
            metric for metric, value in values["poseval-shoulders"].items() if value != values["poseval"][metric]
        }
        assert changed <= {"ap", "ap_hidden"}
