"""Grouped deformable 3x3 convolution of frames (Dai et al., ICCV 2017; modulated: Zhu et al., CVPR 2019)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.bilinear import corners
from studies.errors import InputError

TAPS = 9


class GroupedDeformableConv(nn.Module):
    """Each tap reads between cells, where offsets say; the rest is a 3x3 convolution in `groups` groups.

    The weights are no nn.Conv2d: the papers' profiler sees neither them nor the sampling.

    offset_groups : the channels fall into so many parts, each with offsets of its own; it divides `groups`
    modulated : each tap's sample is weighted by a mask besides
    start : "identity", so that without offsets the input passes through, or "kaiming"

    Raises InputError for groups that do not divide the channels and for an unknown start.
    """

    def __init__(
        self, channels: int, groups: int = 8, offset_groups: int = 2, modulated: bool = False, start: str = "identity"
    ) -> None:
        super().__init__()
        if channels % groups or groups % offset_groups:
            raise InputError(f"{channels} channels in {groups} groups, {offset_groups} with offsets: each must divide")
        self.groups, self.offset_groups, self.modulated = groups, offset_groups, modulated
        self.controls = offset_groups * TAPS * (3 if modulated else 2)  # numbers that steer one cell
        self.weight = nn.Parameter(torch.zeros(channels, channels // groups, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        self._start(start)

    @torch.no_grad()
    def _start(self, start: str) -> None:
        if start == "identity":
            outputs = torch.arange(len(self.weight))
            self.weight[outputs, outputs % self.weight.shape[1], 1, 1] = 1
        elif start == "kaiming":
            nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        else:
            raise InputError(f"unknown start {start!r} of a deformable convolution: choose identity or kaiming")

    def forward(self, x: Tensor, controls: Tensor) -> Tensor:
        """(N, H, W, C) and controls (N, H, W, `controls`) -> (N, H, W, C).

        For part p and tap q = 3 row + column, control 18 p + 2 q moves along rows and the next one along columns; where
        modulated, the masks' logits follow all offsets, 9 a part.
        """
        samples = self.sample(x, controls)  # (groups, N H W, 9 C/groups)
        per_group = self.weight.shape[1]
        weight = self.weight.view(self.groups, per_group, per_group, TAPS).permute(0, 3, 2, 1).flatten(1, 2)
        y = torch.baddbmm(self.bias.view(self.groups, 1, per_group), samples, weight)  # (groups, N H W, C/groups)
        return y.transpose(0, 1).reshape(x.shape)

    def sample(self, x: Tensor, controls: Tensor) -> Tensor:
        """What each group's 3x3 window reads: (groups, N H W, 9 C/groups), taps before channels.

        A sample is a weighted sum of four rows of a table of tokens, which is what `embedding_bag` computes: fast on a
        CPU, deterministic on a GPU, where `grid_sample` is not.
        """
        N, H, W, C = x.shape
        parts = self.offset_groups
        indices, weights = corners(*self.positions(controls), H, W)  # (parts, N, H, W, 9, 4)
        if self.modulated:
            logits = controls[..., 2 * TAPS * parts :].unflatten(-1, (parts, TAPS)).movedim(-2, 0)
            weights = weights * logits.sigmoid()[..., None]
        first = torch.arange(N, device=x.device).view(-1, 1, 1, 1, 1) * (H * W)
        part = torch.arange(parts, device=x.device).view(-1, 1, 1, 1, 1, 1)
        rows = ((indices + first) * parts + part).view(-1, 4)
        table = x.reshape(-1, C // parts)
        samples = F.embedding_bag(rows, table, per_sample_weights=weights.reshape(-1, 4), mode="sum")
        samples = samples.view(parts, N * H * W, TAPS, self.groups // parts, C // self.groups)
        return samples.permute(0, 3, 1, 2, 4).reshape(self.groups, N * H * W, -1)

    def positions(self, controls: Tensor) -> tuple[Tensor, Tensor]:
        """Row and column (parts, N, H, W, 9) that each tap reads at each cell."""
        _, H, W, _ = controls.shape
        moves = controls[..., : 2 * TAPS * self.offset_groups].unflatten(-1, (self.offset_groups, TAPS, 2))
        taps = torch.arange(3, device=controls.device) - 1
        rows = torch.arange(H, device=controls.device)[:, None, None] + taps.repeat_interleave(3)
        columns = torch.arange(W, device=controls.device)[:, None] + taps.repeat(3)
        return (rows + moves[..., 0].movedim(3, 0)).contiguous(), (columns + moves[..., 1].movedim(3, 0)).contiguous()
