"""Deformable convolutions of the models that have them: the native kernel beside plain PyTorch."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from models.deform import native, reference
from models.deform.inputs import DeformInputs

TOLERANCE = 1e-4  # of the largest value, float32
# Images, height, width, channels, groups, parts with offsets of their own.
SHAPES = {
    "SasMamba, one clip": (1, 243, 17, 128, 128, 1),
    "GLSMamba of width 64, eight clips of 128x96": (40, 32, 24, 64, 8, 2),
    "GLSMamba-B, one clip": (5, 64, 48, 256, 8, 2),
    "PoseWarper, one clip": (5, 96, 72, 17, 1, 17),
    "DCPose, one clip": (1, 96, 72, 17, 1, 17),
    "FAMI-Pose, one clip": (1, 96, 72, 48, 1, 12),
}
DILATED = {"PoseWarper, one clip": 24, "DCPose, one clip": 15, "FAMI-Pose, one clip": 3}
MASKED = ("DCPose, one clip", "FAMI-Pose, one clip")
SMALL = (2, 5, 4)  # images, height, width where nothing is measured
IMPLEMENTATIONS = {
    "native": lambda inputs, dilation: torch.ops.ssmpose.deform_conv(*inputs, dilation),
    "reference": reference.deform_conv,
}

pytestmark = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))


def draw(shape: tuple[int, ...], masked: bool) -> DeformInputs:
    """Random inputs in float32; taps move by a cell or so."""
    (*map_shape, channels, groups, parts), generator = shape, torch.Generator().manual_seed(0)

    def normal(*sizes: int) -> Tensor:
        return torch.randn(*sizes, generator=generator)

    weight = normal(channels, channels // groups, 3, 3)
    masks = normal(*map_shape, parts, 9) if masked else None
    return DeformInputs(normal(*map_shape, channels), normal(*map_shape, parts, 9, 2), masks, weight, normal(channels))


def forward(function: Callable, inputs: DeformInputs) -> Callable[[], list[Tensor]]:
    """A call that gives the output."""

    def call() -> list[Tensor]:
        with torch.inference_mode():
            return [function(inputs)]

    return call


def forward_and_backward(function: Callable, inputs: DeformInputs) -> Callable[[], list[Tensor]]:
    """A call that gives the output and all gradients."""
    leaves = DeformInputs(*(None if x is None else x.clone().requires_grad_() for x in inputs))
    wanted = [x for x in leaves if x is not None]
    weights = torch.randn(inputs.x.shape, generator=torch.Generator().manual_seed(1))

    def call() -> list[Tensor]:
        y = function(leaves)
        return [y.detach(), *torch.autograd.grad(y, wanted, weights)]

    return call


@pytest.mark.parametrize("work", [forward, forward_and_backward])
@pytest.mark.parametrize("model", SHAPES)
def test_against_plain_pytorch(compare: Callable, full: bool, model: str, work: Callable) -> None:
    shape = SHAPES[model] if full else (*SMALL, *SHAPES[model][3:])
    inputs, dilation = draw(shape, model in MASKED), DILATED.get(model, 1)
    calls = {name: work(partial(f, dilation=dilation), inputs) for name, f in IMPLEMENTATIONS.items()}
    title = f"Deformable convolution, {work.__name__.replace('_', ' ')}: {model}, one thread"
    results = compare(title, calls, rounds=20, every=5)
    for ours, wanted in zip(results["native"], results["reference"], strict=True):
        assert (ours - wanted).abs().max() <= TOLERANCE * wanted.abs().max()
