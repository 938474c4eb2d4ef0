"""MixSTE, which is also the yardstick for scans: what attends to what, and that torch's fused kernel does it."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import models
from base.errors import InputError
from models.lifting.mixste import MixSTE
from models.lifting.parts import Attention


@pytest.mark.parametrize("over_frames", [False, True])
def test_tokens_attend_within_their_frame_or_along_their_joint(over_frames):
    """Against softmax(q k / sqrt(d)) v, written out for each sequence."""
    torch.manual_seed(0)
    layer, x = Attention(8, 2, over_frames).double(), torch.randn(2, 3, 5, 8, dtype=torch.float64)
    sequences = x.transpose(1, 2) if over_frames else x  # (B, sequences, tokens, 8)
    wanted = torch.empty_like(sequences)
    for b, s in torch.cartesian_prod(torch.arange(2), torch.arange(sequences.shape[1])).tolist():
        q, k, v = layer.qkv(sequences[b, s]).chunk(3, -1)  # (tokens, 8)
        heads = [torch.softmax(q[:, h] @ k[:, h].T / 2, -1) @ v[:, h] for h in (slice(0, 4), slice(4, 8))]
        wanted[b, s] = layer.out(torch.cat(heads, -1))
    torch.testing.assert_close(layer(x), wanted.transpose(1, 2) if over_frames else wanted)


def test_blocks_attend_over_joints_and_frames_in_turn():
    net = MixSTE(frames=9, width=16, depth=2, heads=4)
    assert [block.mixer.over_frames for block in net.space_blocks] == [False, False]
    assert [block.mixer.over_frames for block in net.time_blocks] == [True, True]
    assert net(torch.randn(2, 9, 17, 2)).shape == (2, 9, 17, 3)


def test_it_is_as_deep_and_wide_as_posemamba_and_of_the_same_parts():
    with torch.device("meta"):
        ours, theirs = models.build("posemamba-s"), MixSTE(frames=243, width=64, depth=10)
    names = [{name for name, _ in net.named_modules() if ".mixer." not in name} for net in (ours, theirs)]
    assert names[0] == names[1]
    assert ours.space_blocks[0].mlp.fc1.weight.shape == theirs.space_blocks[0].mlp.fc1.weight.shape


@pytest.mark.parametrize("heads", [8, 1])
def test_the_fused_kernel_takes_it_forward_and_backward(heads):
    net = MixSTE(frames=5, width=64, depth=1, heads=heads)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # raises where that kernel cannot run
        net(torch.randn(2, 5, 17, 2)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_heads_must_divide_the_width():
    with pytest.raises(InputError, match="heads=3 do not divide width=64"):
        MixSTE(frames=9, width=64, depth=1, heads=3)
