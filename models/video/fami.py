"""FAMI-Pose (Liu et al., CVPR 2022): neighbours' features are moved as a whole, then calibrated, and joined."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.bilinear import corners
from models.video.calibration import RELEASED, Calibration, FiveFrames, heatmap_head
from models.video.clips import ANSWER, HEATMAP
from models.video.hrnet import chain, convolution, hrnet_layout, start

HALVINGS = 5
FIRST_LINEAR = ("published", "narrowed")
PUBLISHED_GRID = (3, 3)  # that the published linear layer reads


class FAMIPose(FiveFrames):
    """Clips (B, 5, 3, H, W) to the heatmaps (B, J, H/4, W/4) of their middle frame.

    first_linear : what reads the map from which a frame's shift comes: "published", a layer for 3x3 cells, which images
        of 288 to 384 pixels have; or "narrowed" (ours), a layer for as many cells as there are
    shift_width, shift_hidden : channels of that map, and of the linear layers behind it

    Raises InputError for images that the published layer does not fit, and as HRNetModel. Source: docs/peers.md.
    """

    learns = (HEATMAP, "fused-answer", "key-fused", "support-answer", "support-fused", "key-answer")
    layouts = (
        hrnet_layout(
            "hrnet.",
            *RELEASED,
            (r"^calibration\.merged\.", "sup_agg_block."),
            (r"^calibration\.fused\.", "init_feature_agg_block."),
            (r"^shift\.0\.(\d)\.", r"feat_global_offset_layers.0.layers.\1."),
            (r"^shift\.", "feat_global_offset_layers."),
            (r"^head\.", "agg_final_layer."),
        ),
    )

    def __init__(
        self,
        frames: int = 5,
        encoder: str = "hrnet-w48",
        joints: int = 17,
        first_linear: str = "published",
        shift_width: int = 16,
        shift_hidden: int = 64,
        freeze_encoder: bool = True,
        encoder_norms: str = "train",
        image_height: int = 384,
        image_width: int = 288,
    ) -> None:
        super().__init__(frames, joints, encoder, image_height, image_width, freeze_encoder, encoder_norms)
        width, cells = self.encoder.width, _cells(first_linear, image_height, image_width)
        self.shift = nn.Sequential(
            chain(width, shift_width, 1),
            *(Halving(shift_width) for _ in range(HALVINGS)),
            nn.Flatten(),
            nn.Linear(shift_width * cells, shift_hidden),  # no activation between them: together, an affine map
            nn.Linear(shift_hidden, shift_hidden),
            nn.Linear(shift_hidden, 2),
        )
        self.calibration = Calibration(width)
        self.head = heatmap_head(width, joints)
        start(self)

    def features(self, images: Tensor) -> Tensor:
        """Maps (N, width, H/4, W/4) of HRNet's finest branch."""
        return self.encoder(images)[1][-1]

    def decode(self, features: Tensor) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of the middle one of each frame's maps (B, 5, width, H/4, W/4)."""
        return self.compared(features)[ANSWER]

    def compared(self, features: Tensor) -> dict[str, Tensor]:
        """Besides the heatmaps the maps (B, width, h, w) of the key frame, of its neighbours (support), and of all."""
        key, others = self.parted(features)
        flat = others.flatten(0, 1)
        shifts = self.shift((others - key[:, None]).flatten(0, 1))
        moved = translated(flat, shifts).unflatten(0, others.shape[:2])
        support, fused = self.calibration.parts(key, moved)
        return {ANSWER: self.head(fused), "key": key, "support": support, "fused": fused}


class Halving(nn.Module):
    """A convolution with stride 2 and a bias, its norm, and ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.bn = convolution(width, width, stride=2, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, h, w) -> (N, width, h/2, w/2)."""
        return F.relu(self.bn(self.conv(x)))


def translated(x: Tensor, shifts: Tensor) -> Tensor:
    """Maps (N, C, h, w), each moved by its shift (N, 2) along columns and along rows, in cells; zeros come in.

    Bilinear between cells, as kornia's `translate` is from 0.5 on.
    """
    N, C, h, w = x.shape
    rows = torch.arange(h, device=x.device).view(1, -1, 1) - shifts[:, 1].view(-1, 1, 1)
    columns = torch.arange(w, device=x.device) - shifts[:, 0].view(-1, 1, 1)
    indices, weights = corners(*torch.broadcast_tensors(rows, columns), h, w)  # (N, h, w, 4)
    indices = indices + torch.arange(N, device=x.device).view(-1, 1, 1, 1) * (h * w)
    table = x.permute(0, 2, 3, 1).reshape(-1, C)
    y = F.embedding_bag(indices.view(-1, 4), table, per_sample_weights=weights.reshape(-1, 4), mode="sum")
    return y.view(N, h, w, C).permute(0, 3, 1, 2)


def _cells(first_linear: str, image_height: int, image_width: int) -> int:
    """Cells of the map that the first linear layer reads; raises InputError where it does not fit them."""
    if first_linear not in FIRST_LINEAR:
        raise InputError(f"unknown first_linear {first_linear!r}: choose {' or '.join(FIRST_LINEAR)}")
    rows, columns = (-(-size // (4 * 2**HALVINGS)) for size in (image_height, image_width))
    if first_linear == "published" and (rows, columns) != PUBLISHED_GRID:
        raise InputError(
            f"image {image_height}x{image_width}: the published FAMI-Pose has a linear layer for 3x3 cells, here are "
            f"{rows}x{columns}; take 288 to 384 pixels each way, or first_linear='narrowed', which is ours"
        )
    return rows * columns
