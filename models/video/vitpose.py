"""ViTPose (Xu et al., NeurIPS 2022): heatmaps from one frame."""

from torch import Tensor, nn

from models.video.clips import ClipModel, deconvs, last_layer
from models.video.vit import ViT


class ViTPose(ClipModel):
    """The key frame of clips (B, T, 3, H, W) to its heatmaps (B, J, H/4, W/4): ViT encoder and classic decoder.

    deconv_width : channels of the two deconvolutions
    freeze_encoder : train the decoder alone
    """

    def __init__(
        self,
        frames: int = 1,
        encoder: str = "b",
        joints: int = 15,
        deconv_width: int = 256,
        freeze_encoder: bool = False,
        image_height: int = 256,
        image_width: int = 192,
    ) -> None:
        image = (image_height, image_width)
        super().__init__(frames, joints, ViT(encoder, *image), image, freeze_encoder)
        self.deconvs = deconvs(self.encoder.width, deconv_width, deconv_width)
        self.final = last_layer(nn.Conv2d(deconv_width, joints, 1))

    def encoded(self, clips: Tensor) -> Tensor:
        """As of `ClipModel`, of the key frame alone: (B, 1, C, H/16, W/16)."""
        return self.encode(clips[:, self.frames // 2])[:, None]

    def decode(self, features: Tensor) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of the middle of encoded clips (B, T, C, H/16, W/16)."""
        return self.final(self.deconvs(features[:, features.shape[1] // 2]))
