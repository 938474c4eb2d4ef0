"""What FAMI-Pose and TDMI share: neighbours' features calibrated to the key frame, and the head behind it."""

import torch
from torch import Tensor, nn

from base.errors import InputError
from models.video.dense_deform import Steered
from models.video.hrnet import HRNetModel, chain

PART = 4  # channels that share their offsets
DILATION = 3
NEIGHBOURS = 4
STEPS = 4  # of the calibration


class Calibration(nn.Module):
    """Neighbours' features merged, then deformed in four steps, each steered by what the one before it gave.

    Source: FAMI-Pose (docs/peers.md).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.merged = chain(NEIGHBOURS * width, width, 2)
        self.joined = chain(2 * width, width, 1)
        self.steps = nn.ModuleList(steered(width, DILATION) for _ in range(STEPS))
        self.fused = chain(2 * width, width, 3)

    def forward(self, key: Tensor, neighbours: Tensor) -> Tensor:
        """Features (B, width, h, w) of the key frame and (B, 4, width, h, w) of the others -> (B, width, h, w)."""
        return self.parts(key, neighbours)[1]

    def parts(self, key: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
        """The neighbours merged, as they were, and the whole fused: (B, width, h, w) each."""
        merged = self.merged(neighbours.flatten(1, 2))
        steering = self.joined(torch.cat([merged, key], 1))
        first, second, third, fourth = self.steps
        steering = first(steering, steering)
        steering = second(steering, steering)
        aligned = third(merged, steering)
        aligned = fourth(aligned, aligned)
        return merged, self.fused(torch.cat([key, aligned], 1))


class FiveFrames(HRNetModel):
    """A network on the maps of HRNet's finest branch of two frames before the key frame and two after it.

    Raises InputError for another number of frames, and as HRNetModel.
    """

    early = "key"

    def __init__(
        self,
        frames: int,
        joints: int,
        encoder: str,
        image_height: int,
        image_width: int,
        freeze_encoder: bool,
        encoder_norms: str,
    ) -> None:
        if frames != NEIGHBOURS + 1:
            raise InputError(
                f"frames={frames}: {type(self).__name__} takes 5 frames: two on each side of the key frame"
            )
        super().__init__(frames, joints, encoder, image_height, image_width, freeze_encoder, encoder_norms)

    @staticmethod
    def parted(features: Tensor) -> tuple[Tensor, Tensor]:
        """Of clips (B, 5, ...) the key frame's (B, ...) and the others' in order of time (B, 4, ...)."""
        middle = features.shape[1] // 2
        return features[:, middle], torch.cat([features[:, :middle], features[:, middle + 1 :]], 1)


def steered(width: int, dilation: int) -> Steered:
    """A deformable convolution of `width` channels that as many steer."""
    return Steered(width, width, width // PART, dilation, their_bias=True, steps=DILATION, identity=False)


def heatmap_head(width: int, joints: int) -> nn.Conv2d:
    """(B, width, h, w) -> (B, joints, h, w)."""
    return nn.Conv2d(width, joints, 3, padding=1)


# The names of the released code for these parts; `chains` have one more level there.
def released_chains(*names: str) -> tuple[str, str]:
    """A rule for a layout: basic blocks of our chains lie under `layers` in the released code."""
    return rf"^({'|'.join(names)})\.(\d)\.", r"\1.layers.\2."


RELEASED = (
    released_chains(r"calibration\.merged", r"calibration\.joined", r"calibration\.fused"),
    (r"^calibration\.joined\.", "combined_feat_layers."),
    (r"^calibration\.steps\.(\d)\.offsets\.", lambda m: f"dcn_offset_{int(m[1]) + 1}.conv."),
    (r"^calibration\.steps\.(\d)\.masks\.", lambda m: f"dcn_mask_{int(m[1]) + 1}.conv."),
    (r"^calibration\.steps\.(\d)\.deform\.", lambda m: f"dcn_{int(m[1]) + 1}."),
)
