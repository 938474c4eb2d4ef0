"""MotionAGFormer: an attention and a graph branch side by side (Mehraban et al., WACV 2024, arXiv 2310.16288)."""

import torch
from torch import Tensor, nn

from models.layout import Layout
from models.lifting.graphs import GraphMixer
from models.lifting.names import FRAMES, GRAPH, RENAMED, RESHAPED
from models.lifting.parts import Attention, Head, LiftingModel, ScaledBlock, TwoBranches


class MotionAGFormer(LiftingModel):
    """Keypoints (B, T, J, 3), the third channel the confidence, to 3D joints (B, T, J, 3), T exactly `frames`.

    normalise : of the graphs, "published" or "scaled" (`models.lifting.graphs.GraphMixer`)

    Raises InputError where `heads` do not divide the width, and for other joints than Human3.6M's 17.
    Source: the released `model/MotionAGFormer.py`.
    """

    human36m = True
    length = "exactly"
    layout = Layout(("model",), RENAMED + GRAPH, RESHAPED, FRAMES)

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        heads: int = 8,
        drop_path: float = 0.0,
        in_channels: int = 3,
        joints: int = 17,
        mlp_ratio: int = 4,
        normalise: str = "published",
    ) -> None:
        super().__init__(frames, joints, in_channels)
        self.embedding = nn.Linear(in_channels, width)
        self.joint_table = nn.Parameter(torch.zeros(joints, width))
        self.layers = nn.ModuleList(_layer(frames, width, heads, mlp_ratio, drop_path, normalise) for _ in range(depth))
        self.head = Head(width, eps=1e-5)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, 3)."""
        self.check(keypoints)
        x = self.embedding(keypoints) + self.joint_table  # (B, T, J, width)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def _layer(frames: int, width: int, heads: int, mlp_ratio: int, drop_path: float, normalise: str) -> TwoBranches:
    """Attention beside graphs, each over joints and then over frames."""

    def block(mixer: nn.Module) -> ScaledBlock:
        return ScaledBlock(width, mixer, mlp_ratio, drop_path)

    return TwoBranches(
        block(Attention(width, heads, bias=False)),
        block(Attention(width, heads, over_frames=True, bias=False)),
        block(GraphMixer(width, normalise=normalise)),
        block(GraphMixer(width, frames, normalise)),
        width,
    )
