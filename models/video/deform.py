"""Grouped deformable 3x3 convolution of frames (Dai et al., ICCV 2017; modulated: Zhu et al., CVPR 2019)."""

import torch
from torch import Tensor, nn

from base.errors import InputError
from models.deform import deform_conv

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
        parts, masks = self.offset_groups, None
        offsets = controls[..., : 2 * TAPS * parts].unflatten(-1, (parts, TAPS, 2))
        if self.modulated:
            masks = controls[..., 2 * TAPS * parts :].unflatten(-1, (parts, TAPS)).sigmoid()
        return deform_conv(x, offsets, masks, self.weight, self.bias)
