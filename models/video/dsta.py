"""DSTA (He and Yang, CVPR 2024): a token a joint and frame, attended to in limbs and over frames, and coordinates."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.layout import Layout
from models.residual import rising
from models.video import resnet
from models.video.clips import LIKELIHOOD, ClipModel
from models.video.resnet import ResNet
from models.video.vit import EncoderBlock, ViT

JOINTS, LIMBS, LIMB = 17, 5, 3  # joints; limbs (head, arms, legs), of three tokens each
# The token of each joint. Two tokens are of no limb and of no joint, and both ears read the head top's.
TOKENS = (1, 2, 0, 0, 0, 3, 6, 4, 7, 5, 8, 9, 12, 10, 13, 11, 14)
MLP_RATIO = 2


class DSTA(ClipModel):
    """Clips (B, 3, 3, H, W) to places and scores (B, J, 3) of the joints in their middle frame.

    A place is x, y as fractions of the image's width and height, unbounded; a score is between 0 and 1.

    encoder : size of the ResNet (`models.video.resnet.SIZES`), or of a ViT, whose join with the heads is inferred
    width, depth, heads : of tokens, blocks and their attention; drop_path : of their branches (`models.residual`)

    Raises InputError for another number of frames or joints, for an unknown size, and where `heads` do not divide the
    width. Source: docs/peers.md.
    """

    emits = "coordinates"
    learns = (LIKELIHOOD,)
    layouts = (
        Layout(
            ("state_dict",),
            (
                (r"^encoder\.", "preact."),
                (r"^limb_embed$", "Spatial_pos_embed"),
                (r"^frame_embed$", "Temporal_pos_embed"),
                (r"^limb_norm\.", "Spatial_norm."),
                (r"^frame_norm\.", "Temporal_norm."),
                (r"^limb_blocks\.(\d)\.mlp\.0\.", r"limb_blocks.\1.mlp.fc1."),
                (r"^limb_blocks\.(\d)\.mlp\.2\.", r"limb_blocks.\1.mlp.fc2."),
                (r"^frame_blocks\.(\d)\.mlp\.0\.", r"frame_blocks.\1.mlp.fc1."),
                (r"^frame_blocks\.(\d)\.mlp\.2\.", r"frame_blocks.\1.mlp.fc2."),
                (r"^limb_blocks\.", "Spatial_blocks."),
                (r"^frame_blocks\.", "blocks."),
                (r"^merge\.", "weighted_mean."),
                (r"^place\.", "head_coord."),
                (r"^deviation\.", "head_sigma."),
                (r"^tokens\.", "fc_coord."),
                (r"^flow\.translations\.", "flow.t."),
                (r"^flow\.scales\.", "flow.s."),
            ),
        ),
    )

    def __init__(
        self,
        frames: int = 3,
        encoder: str = "resnet-50",
        joints: int = JOINTS,
        width: int = 32,
        depth: int = 4,
        heads: int = 8,
        drop_path: float = 0.1,
        freeze_encoder: bool = False,
        image_height: int = 256,
        image_width: int = 192,
    ) -> None:
        if frames != 3:
            raise InputError(f"frames={frames}: DSTA takes 3 frames: one before and one after the key frame")
        if joints != JOINTS:
            raise InputError(f"joints={joints}: DSTA's limbs are made of PoseTrack's {JOINTS} channels")
        image = (image_height, image_width)
        network = ResNet(encoder) if encoder in resnet.SIZES else ViT(encoder, *image)
        super().__init__(frames, joints, network, image, freeze_encoder)

        def blocks() -> nn.ModuleList:
            return nn.ModuleList(EncoderBlock(width, heads, MLP_RATIO, rate) for rate in rising(drop_path, depth))

        self.pool = nn.AdaptiveAvgPool2d(1)
        self.tokens = NormalisedLinear(self.encoder.width, joints * width)
        self.limb_embed = nn.Parameter(torch.zeros(LIMB, width))
        self.frame_embed = nn.Parameter(torch.zeros(1, frames, width))
        self.limb_blocks, self.frame_blocks = blocks(), blocks()
        self.limb_norm, self.frame_norm = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.merge = nn.Conv2d(2, 1, 1)
        self.place = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2))
        self.deviation = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2))
        self.flow = Flow()

    def features(self, images: Tensor) -> Tensor:
        """Means (N, C) of the encoder's maps."""
        return self.pool(self.encoder(images)).flatten(1)

    def decode(self, features: Tensor) -> Tensor:
        """Places and scores (B, J, 3) of the middle frames of encoded clips (B, 3, C)."""
        places, deviations = self.distribution(features)
        return torch.cat([places, 1 - deviations.mean(-1, keepdim=True)], -1)

    def compared(self, features: Tensor) -> dict[str, Tensor]:
        """Places and their deviations."""
        return dict(zip(("places", "deviations"), self.distribution(features), strict=True))

    def distribution(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Places and their deviations (B, J, 2) each, as fractions of the image, of encoded clips (B, 3, C)."""
        tokens = self.tokens(features).unflatten(-1, (self.joints, -1))  # (B, 3, J, width)
        merged = self.merge(torch.stack([self._over_frames(tokens), self._in_limbs(tokens[:, 1])], 1))[:, 0]
        joints = merged[:, list(TOKENS)]
        return self.place(joints), self.deviation(joints).sigmoid()

    def _in_limbs(self, tokens: Tensor) -> Tensor:
        """(B, J, width) -> the same: tokens of a limb attend to each other."""
        limbs = tokens[:, : LIMBS * LIMB].reshape(-1, LIMB, tokens.shape[-1]) + self.limb_embed
        for block in self.limb_blocks:
            limbs = block(limbs)
        limbs = self.limb_norm(limbs).view(len(tokens), LIMBS * LIMB, -1)
        return torch.cat([limbs, tokens[:, LIMBS * LIMB :]], 1)

    def _over_frames(self, tokens: Tensor) -> Tensor:
        """(B, 3, J, width) -> (B, J, width) of the middle frame: each token attends to itself in the other frames."""
        over = tokens.transpose(1, 2).flatten(0, 1) + self.frame_embed  # (B J, 3, width)
        for block in self.frame_blocks:
            over = block(over)
        return self.frame_norm(over)[:, 1].view(len(tokens), self.joints, -1)


class NormalisedLinear(nn.Module):
    """A linear map of the input's direction: its length does not count."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        # The layer is not called, so profilers that watch layers do not see it.
        return F.linear(x, self.linear.weight) / x.norm(dim=-1, keepdim=True) + self.linear.bias


class Flow(nn.Module):
    """The density of an error in units of its deviation, learnt from six coupling layers over a Gaussian.

    Source: residual log-likelihood (Li et al., ICCV 2021); its prior has mean 0, DSTA's 0.5 (docs/peers.md). For
    training only.
    """

    LAYERS, HIDDEN, MEAN = 6, 64, 0.5

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.tensor([[0.0, 1.0], [1.0, 0.0]] * (self.LAYERS // 2)))
        self.translations = nn.ModuleList(self._net() for _ in range(self.LAYERS))
        self.scales = nn.ModuleList(self._net(nn.Tanh()) for _ in range(self.LAYERS))

    def _net(self, *last: nn.Module) -> nn.Sequential:
        hidden = [nn.Linear(2, self.HIDDEN), nn.LeakyReLU(), nn.Linear(self.HIDDEN, self.HIDDEN), nn.LeakyReLU()]
        return nn.Sequential(*hidden, nn.Linear(self.HIDDEN, 2), *last)

    def log_density(self, errors: Tensor) -> Tensor:
        """Of errors (..., 2): (...)."""
        z, volume = errors, errors.new_zeros(errors.shape[:-1])
        for i in reversed(range(self.LAYERS)):
            kept = self.mask[i] * z
            scale = self.scales[i](kept) * (1 - self.mask[i])
            translation = self.translations[i](kept) * (1 - self.mask[i])
            z = (1 - self.mask[i]) * (z - translation) * torch.exp(-scale) + kept
            volume = volume - scale.sum(-1)
        away = (z - self.MEAN).square().sum(-1) / 2
        return volume - away - torch.log(away.new_tensor(2 * torch.pi))
