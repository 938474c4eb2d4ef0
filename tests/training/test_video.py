"""Training on rendered video: the features of a frozen encoder stand for it exactly, runs repeat, predictions score."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from run_bytes import run_bytes
from safetensors.torch import load_file

from base.errors import InputError
from datasets.video.videos import Videos
from studies.config import checked_config
from studies.data import Boxes, Dataset, Experiment
from studies.plan import make_plan
from studies.recipes import FeaturesSpec, RunSpec, recipes
from training.checkpoints import halved
from training.clips import TAUGHT, Features, Images, Persons, seen_as
from training.features import write_features
from training.job import Job
from training.run import build_model, train
from training.video import Video, take_pretrained
from workflow.measuring.heatmaps import CLIPS, write_heatmaps
from workflow.measuring.scores import Run, scores
from workflow.measuring.video_scores import VideoScorer

ROOT = Path(__file__).resolve().parent.parent.parent
CONDITIONS = (Boxes("detected"), Boxes("detected", "copies"), Boxes("detected", "shuffled"), Boxes("gt"))
SIZE = {"encoder": "tiny", "image_height": 64, "image_width": 48, "deconv_width": 16}
SCANS = SIZE | {"width": 16, "global_blocks": 1, "local_blocks": 1, "deform_groups": 2}
SCANS |= {"window_height": 4, "window_width": 3}


def spec_of(variant: str, hyper: dict, seed: int = 0, **changes: object) -> RunSpec:
    """A run specification as the plan makes it, at a tiny scale; changes: of the recipe."""
    small = {"epochs": 1, "steps": 3, "batch": 4, "schedule": "linear", "sigma": 1.0, "draws": 2, "milestones": (1,)}
    recipe = replace(recipes()["glsmamba"], **small | changes)
    return RunSpec(
        "quick", Dataset("synthetic"), variant, "glsmamba", seed, "auto", {"frames": 3} | hyper, recipe, CONDITIONS
    )


@pytest.fixture(scope="module")
def pretrained(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    train(Job(spec_of("vitpose-b", SIZE | {"frames": 1}), videos, folder / "run", folder / "state"))
    return folder / "run" / "weights.safetensors"


@pytest.fixture(scope="module")
def features(videos: Path, pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features") / "vitpose-b"
    encoder = spec_of("vitpose-b", SIZE | {"frames": 1})
    write_features(FeaturesSpec(encoder, encoder.recipe.crops, 5, CONDITIONS, selects=True), videos, pretrained, folder)
    return folder


def test_features_give_what_the_images_give(videos: Path, pretrained: Path, features: Path) -> None:
    spec = spec_of("glsmamba-b", SCANS)
    model = build_model(spec).eval()
    take_pretrained(model, halved(load_file(pretrained)))
    recipe, rows = spec.recipe, np.arange(3)
    for boxes in (Boxes("gt"), Boxes("detected", "copies"), Boxes("detected", "shuffled")):
        images = Images(Persons(Videos(videos), boxes, recipe, model.image, model.frames))
        seen = Features(features, str(seen_as(boxes)), 3, boxes.copies)
        with torch.no_grad():
            direct = images.heatmaps(model, images.unchanged(rows))
            cached = seen.heatmaps(model, seen.unchanged(rows))
        torch.testing.assert_close(cached, direct, atol=2e-3 * direct.abs().max().item(), rtol=0)
        assert cached.shape == (3, 15, 16, 12)
    taught = Images(Persons(Videos(videos), TAUGHT, recipe, model.image, 5))
    kept = Features(features, "train", 5, copies=False)
    assert len(kept) == 2 * len(taught)
    clips, places, present = taught.training(rows, 0, 1)  # the second draw
    values, kept_places, kept_present = kept.training(rows + len(taught), 0, 0)
    np.testing.assert_array_equal(places, kept_places)
    np.testing.assert_array_equal(present, kept_present)
    with torch.no_grad():
        encoded = model.encode(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
    torch.testing.assert_close(values, encoded, atol=2e-3 * encoded.abs().max().item(), rtol=0)


@pytest.mark.parametrize("name", ["train.npy", "train.joints.npz"])
def test_features_with_a_flipped_byte_are_refused(features: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(features, tmp_path / "features")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 0x41
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: .*; delete {folder} and run `make` again"):
        Features(folder, "train", 5, copies=False)


def test_videos_that_teach_those_that_select_and_those_in_tables_are_apart(videos: Path) -> None:
    names = {split: {s.name for s in Videos(videos).sequences(split)} for split in ("train", "dev", "val")}
    assert [len(names[split]) for split in ("train", "dev", "val")] == [7, 1, 2]
    assert not names["train"] & names["dev"]
    assert not (names["train"] | names["dev"]) & names["val"]


@pytest.mark.parametrize("cached", [True, False])
def test_runs_repeat_and_their_predictions_score(
    videos: Path, pretrained: Path, features: Path, tmp_path: Path, cached: bool
) -> None:
    spec = spec_of("glsmamba-b", SCANS, epochs=2)
    given = {"weights": pretrained, "features": features if cached else None}
    for name in ("one", "two"):
        train(Job(spec, videos, tmp_path / name, tmp_path / f"state-{name}", **given))
    assert run_bytes(tmp_path / "one") == run_bytes(tmp_path / "two")
    record = json.loads((tmp_path / "one/run.json").read_text())
    assert record["steps"] == 6
    assert set(record["selected"]) == {"last", "best_val", "best_test"}
    found = scores(Run.read(tmp_path / "one"), VideoScorer(videos))
    scored = {(score.metric, score.convention): score.value for score in found}
    assert scored["ap", "poseval+gt-boxes/val/last"] == pytest.approx(record["selected"]["last"]["ap"], abs=1e-6)
    assert {c for _, c in scored} == {f"poseval+{c.in_split}/val/{s}" for c in CONDITIONS for s in record["selected"]}
    assert ("ap_wrist", "poseval+detected-boxes+shuffled/val/best_val") in scored
    state = load_file(tmp_path / "one/weights.safetensors")
    start = load_file(pretrained)
    frozen = halved(start) if cached else start
    assert torch.equal(state["encoder.patch_embed.weight"], frozen["encoder.patch_embed.weight"].float())
    assert not torch.equal(state["deconvs.0.weight"], start["deconvs.0.weight"])


def test_heatmaps_on_the_page_are_those_that_were_scored(videos: Path, pretrained: Path, tmp_path: Path) -> None:
    """In annotated frames, where boxes are not interpolated, the joints are those of the run's predictions."""
    spec, run = spec_of("glsmamba-b", SCANS), tmp_path / "run"
    train(Job(spec, videos, run, tmp_path / "state", weights=pretrained))
    write_heatmaps([(spec, run / "weights.safetensors")], videos, tmp_path / "heatmaps.npz")
    arrays = np.load(tmp_path / "heatmaps.npz")
    with np.load(run / "predictions.npz") as predictions:
        scored = predictions["last/val+gt-boxes/joints"]
    known = Videos(videos).persons("val", "gt").keypoints
    for clip in CLIPS:
        joints = arrays[f"{clip}/joints"]
        annotated = np.flatnonzero(joints.any((1, 2)))
        assert 0 < len(annotated) < len(joints) == 6
        rows = [int(np.flatnonzero((known == joints[t]).all((1, 2)))[0]) for t in annotated]
        np.testing.assert_allclose(arrays[f"{clip}/glsmamba-b/joints"][annotated], scored[rows], atol=1e-4)
        assert arrays[f"{clip}/glsmamba-b/heatmaps"].shape == (6, 15, 16, 12)
        assert (arrays[f"{clip}/box"][:, 2:] > 0).all()


def test_copies_teach_without_neighbours(videos: Path, pretrained: Path, features: Path) -> None:
    """Trained on copies, from features or images, a clip is its middle frame again and again."""
    recipe = spec_of("glsmamba-b", SCANS, neighbours="copies").recipe
    model = build_model(spec_of("glsmamba-b", SCANS))
    for folder in (features, None):
        task = Video(model, videos, recipe, [Boxes("gt")], folder)
        inputs, _, _ = task.source.training(np.arange(2), 0, 0)
        assert (inputs == inputs[:, 1:2]).all()


def test_heatmaps_are_learned(videos: Path, pretrained: Path, features: Path) -> None:
    """A few steps on one batch bring the loss down."""
    spec = spec_of("glsmamba-b", SCANS)
    model = build_model(spec)
    take_pretrained(model, load_file(pretrained))
    task = Video(model, videos, spec.recipe, [Boxes("gt")], features)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(12):
        loss, terms = task.loss(model, torch.arange(4), 0, 0)
        assert terms["heatmap"] == pytest.approx(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_another_encoders_weights_are_refused(pretrained: Path) -> None:
    other = build_model(spec_of("glsmamba-b", SCANS | {"encoder": "s"}))
    with pytest.raises(InputError, match="do not fit the model's encoder"):
        take_pretrained(other, load_file(pretrained))


@pytest.mark.parametrize("scale", ["quick", "open"])
def test_the_plan_says_all_that_training_asks_for(videos: Path, scale: str) -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"studies": ["open-video"], "scale": scale}
    plan = make_plan(checked_config(config))
    for recipe in ("glsmamba", "glsmamba-copies", "pretraining"):
        variant = "vitpose-b" if recipe == "pretraining" else "glsmamba-b"
        spec = plan.spec(Experiment.named("video-synthetic", variant, recipe), 0)
        Persons(Videos(videos), TAUGHT, spec.recipe, (64, 48), 1)
        assert RunSpec.from_json(json.loads(json.dumps(spec.as_json()))) == spec
