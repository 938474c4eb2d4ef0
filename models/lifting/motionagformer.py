"""MotionAGFormer: an attention and a graph branch side by side (Mehraban et al., WACV 2024, arXiv 2310.16288)."""

from torch import nn

from models.layout import Layout
from models.lifting.branches import FRAMES, GRAPH, RENAMED, RESHAPED, BranchedLifter, ScaledBlock, TwoBranches
from models.lifting.graphs import GraphMixer
from models.lifting.parts import Attention


class MotionAGFormer(BranchedLifter):
    """Keypoints (B, T, J, 3), the third channel the confidence, to 3D joints (B, T, J, 3), T exactly `frames`.

    normalise : of the graphs, "released" or "scaled" (`models.lifting.graphs.GraphMixer`)

    Raises InputError where `heads` do not divide the width, and for other joints than Human3.6M's 17.
    Source: the released `model/MotionAGFormer.py`.
    """

    human36m = True
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
        normalise: str = "released",
    ) -> None:
        layers = (_layer(frames, width, heads, mlp_ratio, drop_path, normalise) for _ in range(depth))
        super().__init__(frames, joints, in_channels, width, layers)


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
