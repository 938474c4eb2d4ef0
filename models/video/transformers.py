"""Transformers over the tokens of all frames, which GLSMamba is compared with (docs/glsmamba.md)."""

from torch import Tensor, nn

from base.errors import InputError
from models.video.clips import ClipModel, Embedding, deconvs, doublings, last_layer, low_resolution_head, upsample
from models.video.vit import EncoderBlock, ViT

DOUBLINGS = {"low": 0, "middle": 1, "high": 2}


class VideoTransformer(ClipModel):
    """Frozen encoder, `depth` layers of full attention over T h w tokens, the mean over frames, and a head.

    resolution : of the tokens: "low" 1/16 of the image (TransLR), "middle" 1/8 (TransNR), "high" 1/4 (TransHR)
    width, heads : of the layers; at "low" the width must be the encoder's
    deconv_width : channels of the deconvolutions

    Raises InputError for an unknown resolution or a width that does not fit.
    """

    def __init__(
        self,
        frames: int = 5,
        width: int = 768,
        depth: int = 6,
        heads: int = 12,
        encoder: str = "b",
        joints: int = 15,
        resolution: str = "low",
        deconv_width: int = 256,
        image_height: int = 256,
        image_width: int = 192,
    ) -> None:
        image = (image_height, image_width)
        super().__init__(frames, joints, ViT(encoder, *image), image, freeze_encoder=True)
        if resolution not in DOUBLINGS:
            raise InputError(f"unknown resolution {resolution!r}: choose {', '.join(DOUBLINGS)}")
        times = DOUBLINGS[resolution]
        if width % heads or (not times and width != self.encoder.width):
            needed = f"the encoder's {self.encoder.width}" if width % heads == 0 else f"a multiple of heads={heads}"
            raise InputError(f"width={width}: the transformer at resolution {resolution} needs {needed}")
        self.deconvs = deconvs(self.encoder.width, *[deconv_width] * times) if times else None
        grid = doublings(self.encoder.grid, times)
        self.embedding = Embedding(deconv_width, width, frames, grid, project=self.deconvs is not None)
        self.blocks = nn.ModuleList(EncoderBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.mix = nn.Linear(width, width)
        self.head = _head(width, deconv_width, joints, times)

    def decode(self, features: Tensor) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of encoded clips (B, T, C, H/16, W/16)."""
        x = features.permute(0, 1, 3, 4, 2) if self.deconvs is None else upsample(self.deconvs, features)
        grid = x.shape[1:4]
        x = self.embedding(x).flatten(1, 3)  # (B, T h w, width)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x).unflatten(1, grid).mean(1)  # (B, h, w, width)
        return self.head(self.mix(x).permute(0, 3, 1, 2))


def _head(width: int, hidden: int, joints: int, doubled: int) -> nn.Module:
    """(B, width, h, w) -> heatmaps at 1/4 of the image, from tokens that are `doubled` times on their way there."""
    if doubled == 0:
        return low_resolution_head(width, hidden, joints)
    return last_layer(nn.ConvTranspose2d(width, joints, 4, 2, 1) if doubled == 1 else nn.Conv2d(width, joints, 1))
