"""The native deformable convolution against plain PyTorch: values, gradients, determinism, and what it refuses."""

import platform
from functools import partial

import pytest
import torch
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from metrics.counting import count
from models import compiled
from models.deform import deform_conv, describe, native, reference
from models.deform.inputs import DeformInputs
from models.lifting.deform import DeformableConv
from models.video.deform import GroupedDeformableConv

needs_compiler = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))
NAMES = ("y", *DeformInputs._fields)


def draw(
    map_shape: tuple[int, int, int] = (2, 5, 6),
    channels: int = 8,
    groups: int = 4,
    parts: int = 2,
    kernel: int = 3,
    spread: float = 1.0,
    masked: bool = True,
    dtype: torch.dtype = torch.float64,
) -> DeformInputs:
    """Random inputs whose gradients are wanted; offsets have this spread."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return (scale * torch.randn(*shape, generator=generator, dtype=torch.float64)).to(dtype).requires_grad_()

    per_tap = (*map_shape, parts, kernel**2)
    return DeformInputs(
        normal(*map_shape, channels),
        normal(*per_tap, 2, scale=spread),
        normal(*per_tap) if masked else None,
        normal(channels, channels // groups, kernel, kernel),
        normal(channels),
    )


def loss_weights(y: Tensor) -> Tensor:
    """Of its shape and type; the numbers are the same in single precision."""
    return torch.arange(y.numel()).mul(2.3).sin().float().to(y.dtype).view_as(y)


def results(function, inputs: DeformInputs) -> dict[str, Tensor]:
    """The output and the gradients of a weighted sum of it, by name."""
    y = function(inputs)
    wanted = {name: x for name, x in zip(inputs._fields, inputs, strict=True) if x is not None}
    weights = loss_weights(y)
    return {"y": y.detach(), **dict(zip(wanted, torch.autograd.grad(y, wanted.values(), weights), strict=True))}


def ours(inputs: DeformInputs, dilation: int = 1) -> Tensor:
    return torch.ops.ssmpose.deform_conv(*inputs, dilation)


def assert_agree(inputs: DeformInputs, tolerance: float = 1e-10, dilation: int = 1) -> None:
    exact = results(partial(reference.deform_conv, dilation=dilation), inputs)
    for name, value in results(partial(ours, dilation=dilation), inputs).items():
        torch.testing.assert_close(
            value, exact[name], rtol=tolerance, atol=tolerance, equal_nan=True, msg=lambda m, name=name: f"{name}: {m}"
        )


@needs_compiler
@examples(100)
@given(
    map_shape=st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)),
    shape=st.sampled_from(
        # channels, groups, parts: whole and broken vectors, depthwise or not, groups larger than a slab
        [
            *((1, 1, 1), (6, 2, 1), (6, 2, 2), (8, 8, 1), (8, 8, 4), (15, 3, 3), (16, 2, 2), (24, 2, 1), (34, 34, 2)),
            *((64, 8, 2), (130, 130, 1), (192, 24, 2), (160, 2, 1)),
            # several parts in a group: of one channel, of whole blocks and of broken ones
            *((17, 1, 17), (48, 1, 12), (6, 1, 3), (12, 2, 4), (24, 3, 12), (20, 1, 4), (72, 2, 6)),
        ]
    ),
    kernel=st.sampled_from([1, 3, 5]),
    spread=st.sampled_from([0.0, 0.3, 2.0, 30.0, 1e12]),
    masked=st.booleans(),
    dilation=st.sampled_from([1, 2, 3, 24]),
)
def test_agrees_with_plain_pytorch(map_shape, shape, kernel, spread, masked, dilation):
    assert_agree(draw(map_shape, *shape, kernel, spread, masked), dilation=dilation)


@needs_compiler
@pytest.mark.parametrize(("channels", "groups", "parts"), [(64, 8, 2), (48, 1, 12), (17, 1, 17)])
def test_agrees_in_single_precision_where_many_images_are_summed(channels, groups, parts):
    double = draw((37, 9, 11), channels, groups, parts)
    with torch.no_grad():  # not beside a cell: the derivative has a kink there, which rounding may cross
        double.offsets.copy_(double.offsets.floor() + 0.1 + 0.8 * double.offsets.frac().abs())
    single = DeformInputs(*(x.detach().float().requires_grad_() for x in double))
    exact = results(reference.deform_conv, DeformInputs(*(x.detach().double().requires_grad_() for x in single)))
    for name, value in results(ours, single).items():
        assert (value - exact[name]).abs().max() < 3e-6 * exact[name].abs().max(), name


@needs_compiler
@pytest.mark.parametrize(
    ("groups", "parts", "masked", "dilation"),
    [(1, 1, True, 1), (2, 1, False, 1), (4, 1, True, 2), (1, 4, True, 1), (1, 2, True, 2), (2, 4, False, 1)],
)
def test_gradients(groups, parts, masked, dilation):
    inputs = draw((2, 3, 2), 4, groups, parts, masked=masked)
    given = [x for x in inputs if x is not None]

    def call(*tensors: Tensor) -> Tensor:
        x, offsets, *masks, weight, bias = tensors
        return deform_conv(x, offsets, masks[0] if masks else None, weight, bias, dilation)

    assert torch.autograd.gradcheck(call, given)


@pytest.mark.parametrize("function", [pytest.param(ours, marks=needs_compiler), reference.deform_conv])
def test_on_a_cell_the_gradient_of_an_offset_is_the_step_to_the_next_cell(function):
    """Where a network starts without offsets, all of them are there."""
    inputs = draw((1, 4, 5), 2, 2, 1, 1, 0.0, masked=False)
    gradient = results(function, inputs)["offsets"][0, :, :, 0, 0]  # (4, 5, 2)
    x = inputs.x[0]
    weights = loss_weights(x) * inputs.weight.flatten()
    below, beside = (torch.nn.functional.pad(x, (0, 0, *pad)) for pad in ((0, 0, 0, 1), (0, 1)))
    steps = [((next_one - x) * weights).sum(-1) for next_one in (below[1:], beside[:, 1:])]
    torch.testing.assert_close(gradient, torch.stack(steps, -1))


@needs_compiler
@pytest.mark.parametrize(("groups", "parts"), [(32, 2), (4, 2), (1, 8)])
def test_the_same_bytes_with_any_number_of_threads(groups, parts):
    inputs = draw((19, 7, 9), 32, groups, parts, dtype=torch.float32)
    before, runs = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5, 1):
            torch.set_num_threads(threads)
            runs.append([x.numpy().tobytes() for x in results(ours, inputs).values()])
    finally:
        torch.set_num_threads(before)
    assert runs[0] == runs[1] == runs[2] == runs[3]


@needs_compiler
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_position_that_is_no_number_gives_no_number_where_plain_pytorch_does(value, axis):
    """It reads nothing that is not the caller's, and only the outputs of its cell and part are lost."""
    inputs = draw((2, 3, 4), 8, 4, 2)
    with torch.no_grad():
        inputs.offsets[1, 1, 2, 1, 4, axis] = value
    assert_agree(inputs)
    lost = ours(inputs).isnan()
    assert lost[1, 1, 2, 4:].all()
    assert lost.sum() == 4


@needs_compiler
@pytest.mark.parametrize("name", ["x", "masks", "weight"])
def test_other_numbers_that_are_none_stay_so(name):
    inputs = draw((2, 3, 4), 8, 4, 2)
    with torch.no_grad():
        getattr(inputs, name).view(-1)[5] = torch.nan
    assert_agree(inputs)
    assert ours(inputs).isnan().any()


@needs_compiler
@pytest.mark.parametrize("map_shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_nothing_to_convolve(map_shape):
    inputs = draw(map_shape)
    for name, value in results(ours, inputs).items():
        assert value.shape == (inputs.x if name == "y" else getattr(inputs, name)).shape
        assert not value.any()


@needs_compiler
def test_where_the_inputs_lie_does_not_matter():
    inputs = draw((2, 5, 6), 8, 8, 1)
    moved = DeformInputs(*(x.detach().transpose(0, -1).contiguous().transpose(0, -1).requires_grad_() for x in inputs))
    assert not moved.x.is_contiguous()
    ours_, theirs = results(ours, moved), results(ours, inputs)
    assert all(torch.equal(ours_[name], theirs[name]) for name in NAMES)


WRONG = {
    "x must have 4 axes": {"x": lambda x: x[0]},
    "8 taps are no square window": {"offsets": lambda x: x[..., :8, :]},
    "4 taps are no square window with an odd side": {"offsets": lambda x: x[..., :4, :]},
    "4 groups, 6 parts: one must divide the other": {
        "x": lambda x: x.repeat(1, 1, 1, 3),
        "offsets": lambda x: x.repeat(1, 1, 1, 3, 1, 1),
        "weight": lambda x: x.repeat(3, 3, 1, 1),
    },
    "3 parts: must divide": {"offsets": lambda x: x[..., :1, :, :].expand(-1, -1, -1, 3, -1, -1)},
    r"masks must be torch.float64 \(2, 5, 6, 2, 9\)": {"masks": lambda x: x[:1]},
    "weight must be torch.float64": {"weight": torch.Tensor.float},
    r"weight must be torch.float64 \(8, 2, 3, 3\)": {"weight": lambda x: x[:-1]},
    "bias must be": {"bias": lambda x: x[:-1]},
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_inputs_are_named(words):
    inputs = draw()
    inputs = inputs._replace(**{name: change(getattr(inputs, name)) for name, change in WRONG[words].items()})
    for call in (lambda: deform_conv(*inputs), lambda: native.forward(inputs)):
        with pytest.raises(ValueError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


@needs_compiler
def test_the_kernel_refuses_what_it_cannot_read():
    inputs = draw()
    with pytest.raises(ValueError, match="x must be float32 or float64 on the CPU"):
        native.forward(DeformInputs(*(x.half() for x in inputs)))
    cell, steps = torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1, 1, 2)
    huge = DeformInputs(
        cell.expand(1, 2**16, 2**15, 1), steps.expand(1, 2**16, 2**15, 1, 1, 2), None, cell, cell[0, 0, 0]
    )
    with pytest.raises(ValueError, match="at most 2147483647 cells"):
        native.forward(huge)
    with pytest.raises(ValueError, match="grad_y must be like x"):
        native.backward(inputs.x[:, :-1], inputs)


@pytest.mark.parametrize("function", [pytest.param(ours, marks=needs_compiler), reference.deform_conv])
@pytest.mark.parametrize("dilation", [1, 3, 24])
def test_without_offsets_and_with_masks_of_one_it_is_an_ordinary_dilated_convolution(function, dilation):
    """Dilation 24 leaves the middle column of taps alone inside of a map of 9x7."""
    inputs = draw((2, 9, 7), 17, 1, 17, spread=0.0)
    inputs = inputs._replace(masks=torch.ones_like(inputs.masks))
    plain = F.conv2d(
        inputs.x.permute(0, 3, 1, 2), inputs.weight, inputs.bias, padding=dilation, dilation=dilation
    ).permute(0, 2, 3, 1)
    torch.testing.assert_close(function(inputs, dilation), plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function", [pytest.param(ours, marks=needs_compiler), reference.deform_conv])
def test_dilation_is_an_offset_of_every_tap(function):
    inputs = draw((1, 9, 7), 12, 1, 4)
    steps = torch.cartesian_prod(torch.arange(3), torch.arange(3)) - 1  # (9, 2) of row and column
    moved = inputs._replace(offsets=inputs.offsets + 4.0 * steps)
    torch.testing.assert_close(function(inputs, 5), function(moved), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function", [pytest.param(ours, marks=needs_compiler), reference.deform_conv])
def test_a_dense_weight_with_parts_is_a_sum_over_the_parts(function):
    inputs, parts = draw((1, 5, 6), 12, 1, 4), 4
    total = inputs.bias.expand(1, 5, 6, 12)
    for p, own in enumerate(torch.arange(12).chunk(parts)):
        weight, x = torch.zeros_like(inputs.weight), torch.zeros_like(inputs.x)
        weight[:, own], x[..., own] = inputs.weight[:, own], inputs.x[..., own]
        alone = DeformInputs(
            x, inputs.offsets[:, :, :, p : p + 1], inputs.masks[:, :, :, p : p + 1], weight, 0 * inputs.bias
        )
        total = total + function(DeformInputs(*(each.contiguous() for each in alone)), 2)
    torch.testing.assert_close(function(inputs, 2), total, rtol=1e-12, atol=1e-12)


def test_steps_are_at_least_a_cell():
    with pytest.raises(ValueError, match="dilation=0: must be at least 1"):
        deform_conv(*draw(), dilation=0)


# ---- which one runs --------------------------------------------------------------------------------------------


@pytest.fixture
def without_compiler(tmp_path, monkeypatch):
    """No compiler and an empty cache folder; put back afterwards."""
    monkeypatch.setenv("SSMPOSE_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    compiled.library.cache_clear()
    yield
    compiled.library.cache_clear()


def test_without_a_compiler_plain_pytorch_runs(without_compiler):
    assert describe() == f"reference (no C++ compiler found (set CXX): {native.INSTEAD})"
    inputs = draw()
    assert torch.equal(deform_conv(*inputs), reference.deform_conv(inputs))
    with pytest.raises(RuntimeError, match="no C"):
        native.forward(inputs)


@needs_compiler
def test_with_one_the_native_kernel_runs_where_it_can():
    assert describe() == "native"
    single = draw(dtype=torch.float32)
    assert type(deform_conv(*single).grad_fn) is type(ours(single).grad_fn)
    half = DeformInputs(*(x.detach().bfloat16() for x in single))
    assert deform_conv(*half).dtype == torch.bfloat16


class Both(torch.nn.Module):
    """A depthwise and a grouped convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise, self.grouped = DeformableConv(16, 3), GroupedDeformableConv(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x).permute(0, 2, 3, 1)
        return self.grouped(y, y.repeat(1, 1, 1, 3)[..., :36])


def test_every_device_and_implementation_counts_the_same_products(monkeypatch):
    def counted(device: str) -> int:
        model, x = Both().to(device), torch.zeros(1, 16, 5, 6, device=device)
        with FlopCounterMode(display=False) as flops, torch.no_grad():
            model(x)
        return flops.get_total_flops() // 2

    macs = 30 * 9 * 16 * (18 + 1 + 4)  # offsets, depthwise taps, taps in groups of 4 channels
    assert counted("cpu") == counted("meta") == macs
    monkeypatch.setattr(native, "available", lambda: "no compiler")
    assert counted("cpu") == counted("meta") == macs


@pytest.mark.slow
def test_fvcore_counts_the_same_with_either(monkeypatch):
    before = count(Both(), torch.zeros(1, 16, 5, 6), "fvcore")
    assert before.macs == 30 * 9 * 16 * (18 + 1)  # the offsets, and the depthwise taps
    monkeypatch.setattr(native, "available", lambda: "no compiler")
    assert count(Both(), torch.zeros(1, 16, 5, 6), "fvcore").macs == before.macs


@needs_compiler
def test_the_backward_pass_counts_twice_the_forward_pass():
    inputs = draw()
    forward = 2 * 60 * 9 * 8 * 2
    with FlopCounterMode(display=False) as flops:
        results(ours, inputs)
    assert flops.get_total_flops() == 3 * forward


@needs_compiler
@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names x86 instruction sets")
@pytest.mark.parametrize("instructions", ["x86-64", "x86-64-v3"])
def test_every_vector_width_is_right(tmp_path, monkeypatch, instructions):
    monkeypatch.setenv("SSMPOSE_CACHE", str(tmp_path))
    monkeypatch.setattr(compiled, "FLAGS", (*compiled.FLAGS, f"-march={instructions}"))
    for shape in ((24, 3, 1), (16, 16, 2), (64, 4, 2), (17, 1, 17), (48, 1, 12)):
        assert_agree(draw((2, 7, 5), *shape, spread=3.0))
    broken = draw((1, 3, 3), 8, 8, 1)
    with torch.no_grad():
        broken.offsets[0, 1, 1] = torch.nan
    assert_agree(broken)
