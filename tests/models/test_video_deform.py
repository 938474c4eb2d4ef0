"""The grouped deformable convolution against its definition, cell by cell, and against torch's ordinary one."""

import literal
import pytest
import torch
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from base.errors import InputError
from models.video.deform import GroupedDeformableConv


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def example(channels: int = 8, groups: int = 4, **switches) -> GroupedDeformableConv:
    """A layer with random weights in float64."""
    layer = GroupedDeformableConv(channels, groups, **switches).double()
    with torch.no_grad():
        layer.weight.copy_(normal(*layer.weight.shape, seed=1))
        layer.bias.copy_(normal(channels, seed=2))
    return layer


def written_out(layer: GroupedDeformableConv, x: Tensor, controls: Tensor) -> Tensor:
    N, H, W, C = x.shape
    y = torch.zeros_like(x)
    per_group, per_part = C // layer.groups, C // layer.offset_groups
    for n, h, w, out in torch.cartesian_prod(*(torch.arange(size) for size in (N, H, W, C))).tolist():
        y[n, h, w, out] = layer.bias[out]
        for i, channel in enumerate(range(out // per_group * per_group, (out // per_group + 1) * per_group)):
            part = channel // per_part
            for q in range(9):
                row, column = (controls[n, h, w, part * 18 + 2 * q + axis] for axis in (0, 1))
                value = literal.bilinear(x[n], h + q // 3 - 1 + row, w + q % 3 - 1 + column)[channel]
                if layer.modulated:
                    value = value * controls[n, h, w, layer.offset_groups * 18 + part * 9 + q].sigmoid()
                y[n, h, w, out] += layer.weight[out, i, q // 3, q % 3] * value
    return y


@examples(8)
@given(
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3)),
    groups=st.sampled_from([(2, 1), (2, 2), (4, 2), (4, 4)]),
    modulated=st.booleans(),
    spread=st.sampled_from([0.3, 2.0, 30.0]),
)
def test_agrees_with_its_definition(sizes, groups, modulated, spread):
    layer = example(4, groups[0], offset_groups=groups[1], modulated=modulated)
    x, controls = normal(*sizes, 4, seed=3), spread * normal(*sizes, layer.controls, seed=4)
    torch.testing.assert_close(layer(x, controls), written_out(layer, x, controls), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("modulated", [False, True])
def test_gradients(modulated):
    layer = example(4, 2, modulated=modulated)
    x = normal(2, 2, 1, 4).requires_grad_()
    controls = (0.7 * normal(2, 2, 1, layer.controls)).requires_grad_()
    assert torch.autograd.gradcheck(layer, (x, controls))
    weights = tuple(p.detach().requires_grad_() for p in (layer.weight, layer.bias))

    def call(*weights: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(("weight", "bias"), weights, strict=True)), (x, controls))

    assert torch.autograd.gradcheck(call, weights)


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_without_offsets_it_is_an_ordinary_grouped_convolution(groups):
    layer = example(16, groups, offset_groups=1).float()
    x = normal(3, 7, 6, 16).float()
    plain = F.conv2d(x.permute(0, 3, 1, 2), layer.weight, layer.bias, padding=1, groups=groups).permute(0, 2, 3, 1)
    ours = layer(x, x.new_zeros(3, 7, 6, layer.controls))
    torch.testing.assert_close(ours, plain, rtol=1e-6, atol=1e-5)
    exact = layer.double()(x.double(), x.new_zeros(3, 7, 6, layer.controls).double())
    plain = F.conv2d(x.double().permute(0, 3, 1, 2), layer.weight, layer.bias, padding=1, groups=groups)
    torch.testing.assert_close(exact, plain.permute(0, 2, 3, 1), rtol=1e-12, atol=1e-12)


def test_started_as_identity_it_passes_its_input_through():
    layer, x = GroupedDeformableConv(16), normal(2, 5, 4, 16).float()
    torch.testing.assert_close(layer(x, x.new_zeros(2, 5, 4, 36)), x)
    assert GroupedDeformableConv(16, start="kaiming").weight.abs().min() > 0


def test_first_offsets_move_rows_and_each_part_has_its_own():
    layer, x = GroupedDeformableConv(16).double(), normal(1, 5, 4, 16)
    controls = x.new_zeros(1, 5, 4, 36)
    middle = 2 * 4
    controls[..., middle] = 2  # rows, first half of the channels
    controls[..., 18 + middle + 1] = -1  # columns, second half
    y = layer(x, controls)
    torch.testing.assert_close(y[0, 1, 2, :8], x[0, 3, 2, :8])
    torch.testing.assert_close(y[0, 1, 2, 8:], x[0, 1, 1, 8:])


@pytest.mark.parametrize("distance", [50.0, 1e9, -1e30])
def test_far_outside_there_is_only_the_bias(distance):
    layer, x = example(), normal(1, 3, 4, 8).requires_grad_()
    y = layer(x, torch.full((1, 3, 4, layer.controls), distance, dtype=torch.float64))
    torch.testing.assert_close(y, layer.bias.expand_as(y))
    assert not torch.autograd.grad(y.sum(), x)[0].any()


def test_a_position_that_is_no_number_gives_no_number():
    layer, x = example(), normal(1, 3, 4, 8)
    controls = x.new_zeros(1, 3, 4, layer.controls)
    controls[0, 1, 1, 3] = torch.nan
    broken = layer(x, controls).isnan()
    assert broken[0, 1, 1, :4].all()
    assert broken.sum() == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((12, 8), "12 channels in 8 groups, 2 with offsets: each must divide"),
        ((16, 4, 3), "16 channels in 4 groups, 3 with offsets"),
        ((16, 8, 2, False, "zero"), "unknown start 'zero' of a deformable convolution: choose identity or kaiming"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        GroupedDeformableConv(*arguments)
