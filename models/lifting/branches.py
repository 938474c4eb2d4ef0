"""The network around two branches that MotionAGFormer introduced: HGMamba and TCPFormer are built on it.

Source: the released `model/MotionAGFormer.py`.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.layout import Layout
from models.lifting.parts import MLP, Fusion, Head, LiftingModel
from models.residual import Residual

# Names of the released code, ours -> theirs.

RENAMED = (
    (r"^embedding\.", "joints_embed."),
    (r"^joint_table$", "pos_embed"),
    (r"\.scale(\d)$", r".layer_scale_\1"),
    (r"\.mixer\.out\.", ".mixer.proj."),
    (r"^(layers\.\d+)\.fusion\.share\.", r"\1.fusion."),
    (r"^head\.norm\.", "norm."),
    (r"^head\.representation\.", "rep_logit.fc."),
    (r"^head\.out\.", "head."),
)
GRAPH = ((r"\.mixer\.norm\.", ".mixer.batch_norm."),)
RESHAPED = ((r"^joint_table$", Layout.one_axis_more),)
FRAMES = {"layers.0.graph_temporal.mixer.batch_norm.weight": 0}


class BranchedLifter(LiftingModel):
    """Keypoints (B, T, J, 3), the third channel the confidence, to 3D joints (B, T, J, 3), T exactly `frames`.

    layers : each maps (B, T, J, width) to the same; they are made after the embedding
    """

    length = "exactly"

    def __init__(self, frames: int, joints: int, in_channels: int, width: int, layers: Iterable[nn.Module]) -> None:
        super().__init__(frames, joints, in_channels)
        self.embedding = nn.Linear(in_channels, width)
        self.joint_table = nn.Parameter(torch.zeros(joints, width))
        self.layers = nn.ModuleList(layers)
        self.head = Head(width, eps=1e-5)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, 3)."""
        self.check(keypoints)
        x = self.embed(keypoints) + self.joint_table  # (B, T, J, width)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)

    def embed(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, width)."""
        return self.embedding(keypoints)


class ScaledBlock(Residual):
    """x + s1 mixer(norm(x)), then x + s2 MLP(norm(x)), with learnable scales of 1e-5 at the start, one a channel.

    The unit of MotionAGFormer (arXiv 2310.16288) and of the networks built on it.
    """

    def __init__(self, width: int, mixer: nn.Module, mlp_ratio: int, drop_path: float) -> None:
        super().__init__(drop_path)
        self.norm1, self.mixer = nn.LayerNorm(width), mixer
        self.norm2, self.mlp = nn.LayerNorm(width), MLP(width, mlp_ratio * width)
        self.scale1, self.scale2 = (nn.Parameter(torch.full((width,), 1e-5)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        x = x + self.drop(self.scale1 * self.mixer(self.norm1(x)))
        return x + self.drop(self.scale2 * self.mlp(self.norm2(x)))


class TwoBranches(nn.Module):
    """Two blocks one after the other, beside two others on the same input, and the weighted mean of both branches.

    The names are MotionAGFormer's: first attention, second graphs, each over joints and over frames.
    """

    def __init__(
        self,
        att_spatial: nn.Module,
        att_temporal: nn.Module,
        graph_spatial: nn.Module,
        graph_temporal: nn.Module,
        width: int,
    ) -> None:
        super().__init__()
        self.att_spatial, self.att_temporal = att_spatial, att_temporal
        self.graph_spatial, self.graph_temporal = graph_spatial, graph_temporal
        self.fusion = Fusion(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        return self.fusion(self.att_temporal(self.att_spatial(x)), self.graph_temporal(self.graph_spatial(x)))
