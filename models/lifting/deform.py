"""Deformable depthwise convolution over the grid of frames and joints (Dai et al., ICCV 2017), in plain PyTorch."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.bilinear import corners
from studies.errors import InputError


class DeformableConv(nn.Module):
    """SasMamba's structure-aware convolution: an ordinary convolution says where each tap of a depthwise one reads.

    Offsets are shared by all channels and start out random, as in the published code. Raises InputError for an even
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
        batch, channels, frames, joints = u.shape
        samples = sample(u, *self.positions(offsets))  # (k k B T J, E)
        # Transposed as matrices: PyTorch does that much faster than it permutes more axes.
        samples = samples.t().contiguous().view(channels, self.weight[0].numel(), -1)
        y = torch.bmm(self.weight.view(channels, 1, -1), samples).squeeze(1)  # (E, B T J)
        y = y.t().contiguous() + self.bias
        return y.view(batch, frames, joints, channels).permute(0, 3, 1, 2)

    def positions(self, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """Frame and joint coordinate (k k, B, T, J) that each tap reads at each cell."""
        kernel = self.weight.shape[-1]
        taps = torch.arange(kernel, device=offsets.device, dtype=offsets.dtype) - kernel // 2
        frame_taps = taps.repeat_interleave(kernel).view(-1, 1, 1, 1)
        joint_taps = taps.repeat(kernel).view(-1, 1, 1, 1)
        cell_frames = torch.arange(offsets.shape[2], device=offsets.device)[:, None]
        cell_joints = torch.arange(offsets.shape[3], device=offsets.device)
        moves = offsets.transpose(0, 1).unflatten(0, (-1, 2))  # (k k, 2, B, T, J)
        return cell_frames + frame_taps + moves[:, 0], cell_joints + joint_taps + moves[:, 1]


def sample(u: Tensor, frames: Tensor, joints: Tensor) -> Tensor:
    """Bilinear samples (Q B T J, E) of u (B, E, T, J) at coordinates (Q, B, T, J); outside the grid u is 0.

    A sample is a weighted sum of four rows of a table of tokens, which is what `embedding_bag` computes: fast on a CPU,
    deterministic on a GPU.
    """
    batch, channels, T, J = u.shape
    indices, weights = corners(frames, joints, T, J)  # (Q, B, T, J, 4)
    first = torch.arange(batch, device=u.device).view(-1, 1, 1, 1) * (T * J)
    table = u.permute(0, 2, 3, 1).reshape(-1, channels)
    return F.embedding_bag((indices + first).view(-1, 4), table, per_sample_weights=weights.view(-1, 4), mode="sum")
