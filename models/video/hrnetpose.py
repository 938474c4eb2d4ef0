"""HRNet by itself (Sun et al., CVPR 2019): heatmaps from one frame."""

from torch import Tensor

from base.errors import InputError
from models.video.clips import COCO, POSETRACK
from models.video.hrnet import HRNET_ALONE, HRNetModel


class HRNetPose(HRNetModel):
    """The key frame of clips (B, T, 3, H, W) to its heatmaps (B, J, H/4, W/4).

    channels : whose joints come out, "posetrack" or "coco", which has eyes as channels 1 and 2. HRNet's released
        weights are COCO's.

    Raises InputError for other channels.
    """

    layered = True
    layouts = HRNET_ALONE

    def __init__(
        self,
        frames: int = 1,
        encoder: str = "hrnet-w48",
        joints: int = 17,
        channels: str = "posetrack",
        freeze_encoder: bool = False,
        encoder_norms: str = "train",
        image_height: int = 384,
        image_width: int = 288,
    ) -> None:
        if channels not in (POSETRACK, COCO):
            raise InputError(f"unknown channels {channels!r}: choose {POSETRACK} or {COCO}")
        super().__init__(frames, joints, encoder, image_height, image_width, freeze_encoder, encoder_norms)
        self.channels = channels

    def encoded(self, clips: Tensor) -> Tensor:
        """As of `ClipModel`, of the key frame alone: (B, 1, J, H/4, W/4)."""
        return self.encode(clips[:, self.frames // 2])[:, None]

    def decode(self, features: Tensor) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of the middle of encoded clips (B, T, J, H/4, W/4)."""
        return features[:, features.shape[1] // 2]
