"""Loss terms of networks on video against the formulas of their papers' code, number by number."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import models
from base.errors import InputError
from models.video import dsta
from models.video.clips import ClipModel
from studies.recipes import recipes
from training.video import paired
from training.video_losses import Truth, check_terms, divergence, heatmap_loss, residual_likelihood, video_terms

TINY = {"encoder": "hrnet-tiny", "image_height": 64, "image_width": 32}
# Networks by the recipes that teach them, shrunken.
TAUGHT = {
    "hrnet": ("hrnet-w48", TINY),
    "posewarper": ("posewarper", TINY | {"width": 8, "depth": 2}),
    "dcpose": ("dcpose", TINY | {"width": 8}),
    "fami-pose": ("fami-pose", TINY | {"first_linear": "narrowed", "shift_width": 4, "shift_hidden": 8}),
    "tdmi": ("tdmi-st", TINY),
    "dsta": ("dsta-r50", TINY | {"encoder": "resnet-tiny", "depth": 1}),
}
# Weights that nothing is learnt about, by their beginnings.
UNTAUGHT = {
    "fami-pose": ("encoder.final_layer.",),  # its answers are compared as they are, and not trained
    "tdmi": ("encoder.final_layer.", "unused_head."),
    "dsta": ("merge.bias",),
}


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(recipe: str, **overrides: object) -> ClipModel:
    """A shrunken network in float64 whose layers all say something."""
    name, hyper = TAUGHT[recipe]
    torch.manual_seed(0)
    net = models.build(name, **hyper, **overrides).double()
    with torch.no_grad():
        for key, value in net.named_parameters():
            value.add_((0.5 if value.ndim < 2 else value[0].numel() ** -0.5) * torch.randn_like(value))
            if ".offsets." in key:
                value.mul_(0.1)  # taps stay near their cells, and between them: on one the derivative has a kink
            if key.endswith(".offsets.bias"):
                value.fill_(0.4)
        for layer in net.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = 1.0
        net.train()(rand(4, *net.example_shape[1:]))  # so that norms know their inputs
    return net


def batch(net: ClipModel, frames: int, count: int = 2) -> tuple[Tensor, Truth]:
    (height, width), clips = net.image, rand(count, frames, 3, *net.image)
    weights = rand(count, net.joints, seed=1)
    maps = rand(count, net.joints, height // 4, width // 4, seed=2)
    return clips, Truth(maps, weights, rand(count, net.joints, 2, seed=3))


def loss(net: ClipModel, recipe: str, clips: Tensor, truth: Truth) -> Tensor:
    weights = recipes()[recipe].terms
    terms = video_terms(net, net.encoded(clips), truth, weights)
    return sum(weights[name] * value for name, value in terms.items())


def test_the_divergence_is_the_released_codes() -> None:
    first, second = rand(2, 3, 4, 5), rand(2, 3, 4, 5, seed=1)
    a, b = (x.numpy().reshape(6, 20) / 0.05 for x in (first, second))
    p, q = (np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in (a, b))
    assert divergence(first, second).item() == pytest.approx((q * (np.log(q) - p)).mean(), rel=1e-12)


def test_the_divergence_trains_its_second_side_or_both() -> None:
    for detached in (True, False):
        first, second = rand(1, 2, 3, 3).requires_grad_(), rand(1, 2, 3, 3, seed=1).requires_grad_()
        divergence(first, second, detached).backward()
        assert second.grad.any()
        assert (first.grad is None) == detached


def test_the_likelihood_is_the_sum_over_joints_and_coordinates() -> None:
    torch.manual_seed(0)
    flow = dsta.Flow().double()
    places, deviations, targets, weights = rand(2, 3, 2), rand(2, 3, 2, seed=1), rand(2, 3, 2, seed=2), rand(2, 3)
    density = flow.log_density((places - targets) / deviations).detach().numpy()
    total = 0.0
    for b, j, c in np.ndindex(2, 3, 2):
        mu, sigma, true, w = (
            x[b, j, c].item() for x in (places, deviations, targets, weights[..., None].expand(-1, -1, 2))
        )
        total += w * (math.log(sigma) - density[b, j])
        total += w * (math.log(sigma * math.sqrt(2 * math.pi)) + abs(true - mu) / (math.sqrt(2) * sigma + 1e-9))
    value = residual_likelihood(places, deviations, targets, weights, flow.log_density)
    assert value.item() == pytest.approx(total / 2, rel=1e-12)


def test_joints_without_weight_do_not_count_and_divide_all_the_same() -> None:
    maps, targets, weights = rand(2, 4, 3, 2), rand(2, 4, 3, 2, seed=1), torch.ones(2, 4).double()
    weights[:, 2:] = 0
    own = (maps - targets)[:, :2].square().mean()
    assert heatmap_loss(maps, targets, weights).item() == pytest.approx(own.item() / 2)


def test_fami_poses_terms_have_the_released_signs_and_weights() -> None:
    net = network("fami-pose").eval()
    clips, truth = batch(net, 5)
    parts = net.compared(net.encoded(clips))
    last, answer = net.encoder.final_layer, parts["answer"]
    label = {name: divergence(last(parts[name]), answer) for name in ("fused", "support", "key")}
    key = divergence(parts["key"], parts["fused"])
    terms = -0.1 * label["fused"] + 0.1 * key + label["support"] - divergence(parts["support"], parts["fused"])
    terms = terms + label["key"] - key
    expected = heatmap_loss(answer, truth.heatmaps, truth.weights) + 0.5 * terms
    torch.testing.assert_close(loss(net, "fami-pose", clips, truth), expected, rtol=1e-12, atol=0)


def test_tdmi_tells_noise_from_what_is_useful_on_both_sides() -> None:
    net = network("tdmi")
    clips, truth = batch(net, 5)
    (value,) = video_terms(net, net.encoded(clips), truth, ["useful-noise"]).values()
    value.backward()
    assert net.noise[0].weight.grad.any()
    assert net.useful[0].weight.grad.any()


def test_pairs_are_the_key_frame_and_another_warped_to_it() -> None:
    clips = rand(3, 5, 3, 64, 32)
    pairs = paired(clips, np.array([0, 2, 4]))
    assert torch.equal(pairs[:, 0], clips[:, 2])
    assert torch.equal(pairs[:, 1], torch.stack([clips[0, 0], clips[1, 2], clips[2, 4]]))
    net = network("posewarper").eval()
    key, other = (net.encode(frames) for frames in pairs.unbind(1))
    warped = net.warped(other, key - other)
    truth = Truth(rand(*warped.shape), rand(3, 17), rand(3, 17, 2))
    expected = 0.5 * heatmap_loss(warped, truth.heatmaps, truth.weights)
    torch.testing.assert_close(loss(net, "posewarper", pairs, truth), expected)


@pytest.mark.parametrize("recipe", TAUGHT)
def test_gradients_reach_every_weight_that_is_taught(recipe: str) -> None:
    net = network(recipe, freeze_encoder=False)
    clips, truth = batch(net, 2 if recipes()[recipe].pairs else net.frames, 4)
    loss(net.eval(), recipe, clips, truth).backward()  # in batches a norm takes away the bias before it
    untaught = {key for key, value in net.named_parameters() if value.grad is None or value.grad.abs().max() < 1e-12}
    assert untaught == {key for key, _ in net.named_parameters() if key.startswith(UNTAUGHT.get(recipe, "nothing"))}


@pytest.mark.parametrize("recipe", TAUGHT)
def test_single_precision_is_enough(recipe: str) -> None:
    net = network(recipe).eval()
    clips, truth = batch(net, 2 if recipes()[recipe].pairs else net.frames)
    exact = loss(net, recipe, clips, truth).item()
    single = loss(net.float(), recipe, clips.float(), Truth(*(x.float() for x in truth))).item()
    assert single == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize(
    ("variant", "recipe", "message"),
    [
        ("dsta", "dcpose", "loss.heatmap: DSTA cannot learn from this; choose from likelihood"),
        ("dcpose", "fami-pose", "loss.fused-answer: DCPose cannot learn from this; choose from heatmap"),
        ("dcpose", "posewarper", "pairs: DCPose does not learn from pairs of frames; choose a recipe without pairs"),
    ],
)
def test_a_network_is_refused_what_it_cannot_learn_from(variant: str, recipe: str, message: str) -> None:
    given = recipes()[recipe]
    with pytest.raises(InputError, match=message):
        check_terms(network(variant), given.terms, given.pairs)
