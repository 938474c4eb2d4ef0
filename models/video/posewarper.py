"""PoseWarper (Bertasius et al., NeurIPS 2019): each frame's heatmaps are warped to the key frame, and averaged."""

from torch import Tensor, nn

from base.errors import InputError
from models.video.clips import ANSWER
from models.video.dense_deform import Steered
from models.video.hrnet import HRNetModel, chain, hrnet_layout, start

DILATIONS = (3, 6, 12, 18, 24)
WEIGHTS = (0.1, 0.25, 0.3, 0.25, 0.1)  # of the frames, in order of time


class PoseWarper(HRNetModel):
    """Clips (B, 5, 3, H, W) to the heatmaps (B, J, H/4, W/4) of their middle frame.

    width, depth : channels and basic blocks of what the offsets come from

    In training its authors warp one frame at a time; the average over five is for inference. Raises InputError for
    another number of frames, and as HRNetModel. Source: docs/peers.md.
    """

    layered = True
    pairs = True
    layouts = (
        hrnet_layout(
            "",
            (r"^offset_features\.", "offset_feats."),
            (r"^warps\.(\d)\.offsets\.", lambda m: f"offsets{int(m[1]) + 1}."),
            (r"^warps\.(\d)\.deform\.", lambda m: f"deform_conv{int(m[1]) + 1}."),
        ),
        hrnet_layout(  # MMPose 0.x
            "backbone.",
            (r"^encoder\.final_layer\.", "neck.trans_layer."),
            (r"^offset_features\.", "neck.offset_feats."),
            (r"^warps\.(\d)\.offsets\.", r"neck.offset_layers.\1."),
            (r"^warps\.(\d)\.deform\.", r"neck.deform_conv_layers.\1."),
        ),
    )

    def __init__(
        self,
        frames: int = 5,
        encoder: str = "hrnet-w48",
        joints: int = 17,
        width: int = 128,
        depth: int = 20,
        freeze_encoder: bool = True,
        encoder_norms: str = "train",
        image_height: int = 384,
        image_width: int = 288,
    ) -> None:
        if frames != len(WEIGHTS):
            raise InputError(f"frames={frames}: PoseWarper takes 5 frames: two on each side of the key frame")
        super().__init__(frames, joints, encoder, image_height, image_width, freeze_encoder, encoder_norms)
        self.offset_features = chain(joints, width, depth)
        self.warps = nn.ModuleList(Steered(joints, width, joints, d, modulated=False) for d in DILATIONS)
        start(self)
        for warp in self.warps:
            nn.init.zeros_(warp.offsets.weight)

    def decode(self, features: Tensor) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of the middle one of each frame's (B, 5, J, H/4, W/4)."""
        away = features[:, self.frames // 2, None] - features
        warped = self.warped(features.flatten(0, 1), away.flatten(0, 1)).unflatten(0, features.shape[:2])
        return (warped * features.new_tensor(WEIGHTS).view(-1, 1, 1, 1)).sum(1)

    def compared(self, features: Tensor) -> dict[str, Tensor]:
        """As of `ClipModel`; of pairs (B, 2, J, H/4, W/4), the key frame first, the other one as warped to it."""
        if features.shape[1] != 2:
            return super().compared(features)
        key, other = features.unbind(1)
        return {ANSWER: self.warped(other, key - other)}

    def warped(self, heatmaps: Tensor, away: Tensor) -> Tensor:
        """Heatmaps (N, J, h, w) as the key frame would have them; away : the key frame's less these."""
        steering = self.offset_features(away)
        return sum(warp(heatmaps, steering) for warp in self.warps) / len(self.warps)
