"""The deformable convolution against its definition, cell by cell."""

import literal
import pytest
import torch
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from models.lifting.deform import DeformableConv, DeformableTaps


def example(batch, channels, frames, joints, kernel, spread, seed=0) -> tuple[DeformableTaps, Tensor, Tensor]:
    """Taps with random weights in float64, an input and offsets of that spread."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    layer = DeformableTaps(channels, kernel).double()
    with torch.no_grad():
        layer.weight.copy_(normal(channels, 1, kernel, kernel))
        layer.bias.copy_(normal(channels))
    u = normal(batch, channels, frames, joints).requires_grad_()
    return layer, u, (spread * normal(batch, 2 * kernel**2, frames, joints)).requires_grad_()


def written_out(layer: DeformableTaps, u: Tensor, offsets: Tensor) -> Tensor:
    clips = []
    for clip, moves in zip(u.permute(0, 2, 3, 1), offsets, strict=True):
        T, J, _ = clip.shape
        cells = [literal.taps(clip, layer.weight, layer.bias, moves[:, t, j], t, j) for t in range(T) for j in range(J)]
        clips.append(torch.stack(cells, -1).view(-1, T, J))
    return torch.stack(clips)


@examples(20)
@given(
    batch=st.integers(1, 2),
    channels=st.integers(1, 3),
    frames=st.integers(1, 4),
    joints=st.integers(1, 5),
    kernel=st.sampled_from([1, 3, 5]),
    spread=st.sampled_from([0.3, 2.0, 30.0]),
)
def test_agrees_with_its_definition(batch, channels, frames, joints, kernel, spread):
    layer, u, offsets = example(batch, channels, frames, joints, kernel, spread)
    inputs = (u, offsets, layer.weight, layer.bias)
    ours, theirs = layer(u, offsets), written_out(layer, u, offsets)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    weight = torch.linspace(-1, 1, ours.numel(), dtype=ours.dtype).view_as(ours)
    gradients = torch.autograd.grad(ours, inputs, weight)
    wanted = torch.autograd.grad(theirs, inputs, weight, materialize_grads=True)  # nothing read: no gradient
    pairs = zip(gradients, wanted, strict=True)
    for gradient, expected in pairs:
        torch.testing.assert_close(gradient, expected, rtol=1e-11, atol=1e-11)


def test_without_offsets_it_is_a_depthwise_convolution():
    layer, u, offsets = example(2, 3, 6, 5, 3, 0.0)
    plain = nn.functional.conv2d(u, layer.weight, layer.bias, padding=1, groups=3)
    torch.testing.assert_close(layer(u, offsets), plain)


def test_the_even_offset_moves_along_frames_and_the_odd_one_along_joints():
    layer, u, offsets = example(1, 1, 5, 4, 1, 0.0)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.zero_()
        offsets[0, 0], offsets[0, 1] = 2, -1
    assert layer(u, offsets)[0, 0, 1, 2] == u[0, 0, 3, 1]


@pytest.mark.parametrize("distance", [50.0, 1e9, -1e30])
def test_far_outside_there_is_only_the_bias(distance):
    layer, u, offsets = example(1, 2, 3, 4, 3, 0.0)
    y = layer(u, offsets + distance)
    torch.testing.assert_close(y, layer.bias[None, :, None, None].expand_as(y))
    gradient = torch.autograd.grad(y.sum(), u)[0]
    assert not gradient.any()


def test_a_position_that_is_no_number_gives_no_number():
    layer, u, offsets = example(1, 2, 3, 4, 3, 0.3)
    with torch.no_grad():
        offsets[0, 4, 1, 1] = torch.nan
    broken = layer(u, offsets).isnan()
    assert broken[:, :, 1, 1].all()
    assert broken.sum() == 2


def test_offsets_come_from_a_dense_convolution_that_starts_random():
    torch.manual_seed(0)
    conv = DeformableConv(4, 3)
    assert conv.offset_conv.weight.shape == (18, 4, 3, 3)
    assert conv.offset_conv.weight.abs().min() > 0
    u = torch.randn(2, 4, 6, 5)
    torch.testing.assert_close(conv(u), conv.dcn(u, conv.offset_conv(u)))
