"""DCPose (Liu et al., CVPR 2021): heatmaps of three frames are merged, and corrected where their differences say."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.video.dense_deform import Steered
from models.video.hrnet import HRNetModel, convolution, hrnet_layout, start

DILATIONS = (3, 6, 9, 12, 15)
STEPS = 4  # of a block: so many groups of channels, of which each is convolved once more than the one before
GROUP = 26, 64  # channels of a group to those of the block's input


class ConvNorm(nn.Sequential):
    """A convolution with a bias, and its norm, by the names of the released code."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv, self.bn = convolution(inputs, outputs, kernel, stride, bias=True)


class ResidualStep(nn.Module):
    """Four groups of channels, the i-th convolved i times, each time with the group before it added.

    projected : whether a 1x1 convolution fits the input to the output

    Source: RSN (Cai et al., ECCV 2020), as DCPose has it (docs/peers.md).
    """

    def __init__(self, inputs: int, outputs: int, projected: bool) -> None:
        super().__init__()
        width = GROUP[0] * inputs // GROUP[1]
        self.first = ConvNorm(inputs, STEPS * width, 1)
        self.steps = nn.ModuleDict({f"{i}_{j}": ConvNorm(width, width) for i, j in _triangle()})
        self.last = ConvNorm(STEPS * width, outputs, 1)
        self.downsample = ConvNorm(inputs, outputs, 1) if projected else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, outputs, h, w)."""
        before: list[Tensor] = []
        merged = []
        for i, y in enumerate(F.relu(self.first(x)).chunk(STEPS, 1), 1):
            own = []
            for j in range(1, i + 1):
                y = F.relu(self.steps[f"{i}_{j}"](y + before[j - 1] if j < i else y))
                own.append(y)
            before = own
            merged.append(y)
        skipped = x if self.downsample is None else self.downsample(x)
        return F.relu(self.last(torch.cat(merged, 1)) + skipped)


class DCPose(HRNetModel):
    """Clips (B, 3, 3, H, W) to the heatmaps (B, J, H/4, W/4) of their middle frame.

    width : channels of what steers the deformable convolutions

    Raises InputError for another number of frames, and as HRNetModel. Source: docs/peers.md.
    """

    layouts = (
        hrnet_layout(
            "rough_pose_estimation_net.",
            (r"^(differences|support|steering)\.(\d)\.", r"\1.layers.\2."),
            (r"^differences\.", "diff_temporal_fuse."),
            (r"^support\.", "support_temporal_fuse."),
            (r"^steering\.", "offset_mask_combine_conv."),
            (r"\.first\.", ".conv_bn_relu1."),
            (r"\.steps\.(\d_\d)\.", r".conv_bn_relu2_\1."),
            (r"\.last\.", ".conv_bn_relu3."),
            (r"^corrections\.(\d)\.(offsets|masks)\.", r"\2_list.\1.0."),
            (r"^corrections\.(\d)\.deform\.", r"modulated_deform_conv_list.\1.deform_conv."),
        ),
    )

    def __init__(
        self,
        frames: int = 3,
        encoder: str = "hrnet-w48",
        joints: int = 17,
        width: int = 64,
        freeze_encoder: bool = True,
        encoder_norms: str = "train",
        image_height: int = 384,
        image_width: int = 288,
    ) -> None:
        if frames != 3:
            raise InputError(f"frames={frames}: DCPose takes 3 frames: one before and one after the key frame")
        super().__init__(frames, joints, encoder, image_height, image_width, freeze_encoder, encoder_norms)
        self.differences = _chain(4 * joints, 2 * joints, 2 * joints)
        self.support = _chain(3 * joints, joints)
        self.steering = _chain(3 * joints, width, width)
        self.corrections = nn.ModuleList(Steered(joints, width, joints, d) for d in DILATIONS)
        start(self)

    def decode(self, features: Tensor, before: float = 1, after: float = 1) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of the middle one of each frame's (B, 3, J, H/4, W/4).

        before, after : frames from the middle one to the others, which the released code has as 1, missing ones too
        """
        earlier, key, later = features.unbind(1)
        early, late = after / (before + after), before / (before + after)
        # Joint by joint, the maps of a joint side by side.
        moved = [key - earlier, early * (key - earlier), key - later, late * (key - later)]
        differences = self.differences(torch.stack(moved, 2).flatten(1, 2))
        support = self.support(torch.stack([key, early * earlier, late * later], 2).flatten(1, 2))
        steering = self.steering(torch.cat([differences, support], 1))
        return sum(correction(support, steering) for correction in self.corrections) / len(self.corrections)


def _triangle() -> list[tuple[int, int]]:
    return [(i, j) for i in range(1, STEPS + 1) for j in range(1, i + 1)]


def _chain(*widths: int) -> nn.Sequential:
    """Blocks from width to width; the first fits its input."""
    return nn.Sequential(*(ResidualStep(a, b, projected=not i) for i, (a, b) in enumerate(pairwise(widths))))
