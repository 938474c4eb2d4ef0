"""The deformable convolution in plain PyTorch, differentiated by autograd: any device and type, and the oracle."""

from math import isqrt

import torch
from torch import Tensor
from torch.nn import functional as F

from models.bilinear import corners
from models.deform.inputs import DeformInputs


def deform_conv(inputs: DeformInputs, dilation: int = 1) -> Tensor:
    """`models.deform.deform_conv` of checked inputs: y (N, H, W, C)."""
    x, weight, bias, groups = inputs.x, inputs.weight, inputs.bias, inputs.groups
    matrices = weight.reshape(groups, weight.shape[1], -1)  # (groups, C/groups, C/groups k k)
    samples = sample(inputs, dilation).view(groups, matrices.shape[2], -1)
    bias = bias.view(groups, -1, 1)
    # fvcore counts the one product and not the other; metrics/counting.py does as much for the native operator.
    y = torch.bmm(matrices, samples) + bias if groups == len(weight) else torch.baddbmm(bias, matrices, samples)
    return y.view(len(weight), -1).t().reshape(x.shape)


def sample(inputs: DeformInputs, dilation: int = 1) -> Tensor:
    """What the window of each cell reads: (C, k k, N H W).

    A sample is a weighted sum of four rows of a table of tokens, which is what `embedding_bag` computes: fast on a CPU,
    deterministic on a GPU, where `grid_sample` is not.
    """
    x, parts, taps = inputs.x, inputs.parts, inputs.taps
    N, H, W, C = x.shape
    indices, weights = corners(*positions(inputs.offsets, dilation), H, W)  # (N, H, W, P, k k, 4)
    if inputs.masks is not None:
        weights = weights * inputs.masks[..., None]
    image = torch.arange(N, device=x.device).view(-1, 1, 1, 1, 1, 1) * (H * W)
    part = torch.arange(parts, device=x.device).view(-1, 1, 1)
    rows = (indices + image) * parts + part
    rows, weights = (each.permute(3, 4, 0, 1, 2, 5).reshape(-1, 4) for each in (rows, weights))
    table = x.reshape(-1, C // parts)
    samples = F.embedding_bag(rows, table, per_sample_weights=weights, mode="sum")
    # Transposed as matrices: PyTorch does that much faster than it permutes more axes.
    return samples.view(parts, taps * N * H * W, C // parts).mT.contiguous().view(C, taps, -1)


def positions(offsets: Tensor, dilation: int = 1) -> tuple[Tensor, Tensor]:
    """Row and column (N, H, W, P, k k) that each tap reads at each cell, for offsets (N, H, W, P, k k, 2)."""
    _, H, W, _, taps, _ = offsets.shape
    kernel, device = isqrt(taps), offsets.device
    steps = dilation * (torch.arange(kernel, device=device) - kernel // 2)
    rows = torch.arange(H, device=device).view(-1, 1, 1, 1) + steps.repeat_interleave(kernel)
    columns = torch.arange(W, device=device).view(-1, 1, 1) + steps.repeat(kernel)
    return rows + offsets[..., 0], columns + offsets[..., 1]
