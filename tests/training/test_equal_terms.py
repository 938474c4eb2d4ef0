"""The peers in training: networks that answer for one frame, the input that a recipe fixes, and what is not judged."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import models
from base.errors import InputError
from datasets.lifting import load
from datasets.motion.prepare import prepare
from models.lifting.official import official_weights
from models.lifting.parts import LiftingModel
from studies.config import read_config
from studies.data import Experiment
from studies.plan import make_plan
from studies.recipes import recipes
from tests.training.test_run import spec_of
from training.batches import model_inputs
from training.evaluate import predict
from training.job import Job
from training.lifting import Lifting
from training.run import train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "synthetic-gt"
    prepare("synthetic-gt", folder)
    return folder


class Middle(LiftingModel):
    """Answers with the middle frame's key points."""

    emits = "centre"

    def forward(self, keypoints: Tensor) -> Tensor:
        return keypoints[:, 4:5]


def test_a_network_that_answers_for_one_frame_goes_from_frame_to_frame(data: Path) -> None:
    split = load(data / "val")
    np.testing.assert_allclose(predict(Middle(9, 17, 3), split, flip_test=True), model_inputs(split, 3), atol=1e-6)


def test_both_heads_learn(data: Path) -> None:
    spec = spec_of("stridedformer-81", "equal")
    task = Lifting(
        models.build("stridedformer-81", **spec.hyper), {n: load(data / n) for n in ("train", "val")}, spec.recipe
    )
    net = models.build("stridedformer-81", **spec.hyper).eval()
    rows = task.epoch(0, 0)[0]
    whole, terms = task.loss(net, rows, 0, 0)
    whole.backward()
    sizes = {name: p.grad.norm().item() for name, p in net.named_parameters() if p.grad is not None}
    heads = [size for name, size in sizes.items() if name.startswith(("sequence_head.", "head."))]
    assert len(heads) == 8
    assert min(heads) > 1e-3 * max(sizes.values())  # rounding leaves 1e-7
    assert "velocity" in terms
    assert terms["velocity"] == 0  # of one frame there is none
    assert whole.item() > terms["mpjpe"] + 0.5 * terms["n_mpjpe"]


@pytest.mark.parametrize("variant", ["gla-gcn-81", "poseformerv2-81", "p-stmo-s-81"])
def test_one_frame_networks_train_to_the_end(data: Path, tmp_path: Path, variant: str) -> None:
    train(Job(spec_of(variant, "equal", width=Fraction(1, 4)), data, tmp_path / "run", tmp_path / "state"))
    found = np.load(tmp_path / "run/predictions.npz")
    assert {f"{selection}/test/joints" for selection in ("last", "best_val", "best_test")} <= set(found.files)
    assert all(np.isfinite(found[name]).all() for name in found.files)


def test_the_recipe_fixes_loss_and_input() -> None:
    equal = recipes()["equal"]
    assert equal.terms == {"mpjpe": 1.0, "n_mpjpe": 0.5, "velocity": 20.0}
    assert (equal.optimiser, equal.decay, equal.channels) == ("adamw", 0.99, 2)
    plan = make_plan(read_config())
    for recipe, channels in (("equal", 2), ("equal-confidence", 3)):
        for variant in ("motionagformer-xs-81", "posemamba-s-81"):
            assert plan.spec(Experiment.named("synthetic-gt", variant, recipe), 0).hyper["in_channels"] == channels


def test_weights_that_answer_in_another_space_are_not_judged(data: Path, tmp_path: Path) -> None:
    spec = spec_of("mixste-81", "official")
    torch.save({"model_pos": official_weights(models.build("mixste-81", **spec.hyper))}, tmp_path / "mixste.bin")
    with pytest.raises(InputError, match=r"mixste\.bin: MixSTE has official weights that answer in metres"):
        train(Job(spec, data, tmp_path / "run", tmp_path / "state", official=tmp_path / "mixste.bin"))
    assert not (tmp_path / "run").exists()
