"""Deformable depthwise convolution over the grid of frames and joints (Dai et al., ICCV 2017)."""

import torch
from torch import Tensor, nn

from base.errors import InputError
from models.deform import deform_conv


class DeformableConv(nn.Module):
    """SasMamba's structure-aware convolution: an ordinary convolution says where each tap of a depthwise one reads.

    Offsets are shared by all channels and start out random, as in the released code. Raises InputError for an even
    kernel.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise InputError(f"kernel={kernel}: a deformable convolution needs an odd kernel")
        self.offset_conv = nn.Conv2d(channels, 2 * kernel**2, kernel, padding=kernel // 2)
        self.dcn = DeformableTaps(channels, kernel)

    def forward(self, u: Tensor) -> Tensor:
        """(B, channels, T, J) -> (B, channels, T, J)."""
        return self.dcn(u, self.offset_conv(u))


class DeformableTaps(nn.Module):
    """The depthwise weights and the bilinear sampling that they are applied to."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        bound = 1 / kernel  # 1 / sqrt(fan_in), what a depthwise nn.Conv2d starts with
        self.weight = nn.Parameter(torch.empty(channels, 1, kernel, kernel).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    def forward(self, u: Tensor, offsets: Tensor) -> Tensor:
        """(B, E, T, J) and offsets (B, 2 k k, T, J) -> (B, E, T, J).

        Offset channels 2q and 2q + 1 move tap q = k * row + column along frames and along joints.
        """
        moves = offsets.permute(0, 2, 3, 1).unflatten(-1, (1, -1, 2))  # (B, T, J, 1, k k, 2)
        return deform_conv(u.permute(0, 2, 3, 1), moves, None, self.weight, self.bias).permute(0, 3, 1, 2)
