"""The deformable convolutions of the peers on video: dense weights, and offsets for each part of the input channels."""

import torch
from torch import Tensor, nn

from models.deform import deform_conv

TAPS = 9


class DenseDeformableConv(nn.Module):
    """A 3x3 convolution each tap of which reads where offsets say; every output reads all channels.

    parts : of the channels, each with offsets of its own; dilation : cells from tap to tap
    identity : start with weights that pass the input through, otherwise as torchvision's

    The weights are no nn.Conv2d: the papers' profiler sees neither them nor the sampling. Source: docs/peers.md.
    """

    def __init__(self, channels: int, parts: int, dilation: int, bias: bool, identity: bool) -> None:
        super().__init__()
        self.parts, self.dilation = parts, dilation
        self.weight = nn.Parameter(torch.zeros(channels, channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None
        if identity:
            nn.init.dirac_(self.weight)
        else:
            nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, x: Tensor, offsets: Tensor, masks: Tensor | None) -> Tensor:
        """Maps (N, C, h, w), offsets (N, 18 parts, h, w) and masks (N, 9 parts, h, w) -> (N, C, h, w).

        For part p and tap q = 3 row + column, offset 18 p + 2 q moves along rows and the next one along columns; masks
        are factors as they are, without a sigmoid.
        """
        offsets = offsets.permute(0, 2, 3, 1).unflatten(-1, (self.parts, TAPS, 2))
        masks = None if masks is None else masks.permute(0, 2, 3, 1).unflatten(-1, (self.parts, TAPS))
        bias = x.new_zeros(len(self.weight)) if self.bias is None else self.bias
        y = deform_conv(x.permute(0, 2, 3, 1), offsets, masks, self.weight, bias, self.dilation)
        return y.permute(0, 3, 1, 2)


class Steered(nn.Module):
    """A deformable convolution of a map that another map steers, by a convolution each for offsets and for masks.

    channels : of the map; inputs : of the one that steers; modulated : whether there are masks, and a bias
    steps : dilation of the convolutions that steer, if not that of the deformable one; their_bias : of theirs
    """

    def __init__(
        self,
        channels: int,
        inputs: int,
        parts: int,
        dilation: int,
        modulated: bool = True,
        their_bias: bool = False,
        steps: int | None = None,
        identity: bool = True,
    ) -> None:
        super().__init__()
        steps = steps or dilation

        def controls(numbers: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, numbers * parts * TAPS, 3, padding=steps, dilation=steps, bias=their_bias)

        self.offsets = controls(2)
        self.masks = controls(1) if modulated else None
        self.deform = DenseDeformableConv(channels, parts, dilation, bias=modulated, identity=identity)

    def forward(self, x: Tensor, by: Tensor) -> Tensor:
        """Maps (N, channels, h, w), by (N, inputs, h, w) -> (N, channels, h, w)."""
        return self.deform(x, self.offsets(by), None if self.masks is None else self.masks(by))
