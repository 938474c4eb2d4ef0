"""DSTformer, the network of MotionBERT (Zhu et al., ICCV 2023, arXiv 2210.06551)."""

import torch
from torch import Tensor, nn

from models.layout import Layout
from models.lifting.parts import Fusion, Head, LiftingModel, attention_block
from models.residual import rising


class DSTformer(LiftingModel):
    """Keypoints (B, T, J, 3), the third channel the confidence, to 3D joints (B, T, J, 3); T is at most `frames`.

    Each level attends over joints, then frames in one branch, over frames, then joints in another, and fuses the two.
    Raises InputError where `heads` do not divide the width. Source: `lib/model/DSTformer.py` of MotionBERT.
    """

    layout = Layout(
        ("model_pos",),
        (
            (r"^embedding\.", "joints_embed."),
            (r"^joint_table$", "pos_embed"),
            (r"^frame_table$", "temp_embed"),
            (r"^(st|ts)_blocks\.(\d+)\.", r"blocks_\1.\2."),
            (r"\.space\.norm(\d)\.", r".norm\1_s."),
            (r"\.time\.norm(\d)\.", r".norm\1_t."),
            (r"\.space\.mixer\.", ".attn_s."),
            (r"\.time\.mixer\.", ".attn_t."),
            (r"\.space\.mlp\.", ".mlp_s."),
            (r"\.time\.mlp\.", ".mlp_t."),
            (r"(attn_.)\.out\.", r"\1.proj."),
            (r"^fusions\.(\d+)\.share\.", r"ts_attn.\1."),
            (r"^head\.norm\.", "norm."),
            (r"^head\.representation\.", "pre_logits.fc."),
            (r"^head\.out\.", "head."),
        ),
        ((r"^joint_table$", Layout.one_axis_more), (r"^frame_table$", lambda shape: (1, shape[0], 1, shape[1]))),
        {"temp_embed": 1},
    )

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        heads: int = 8,
        drop_path: float = 0.0,
        in_channels: int = 3,
        joints: int = 17,
        mlp_ratio: int = 2,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        self.embedding = nn.Linear(in_channels, width)
        self.joint_table = nn.Parameter(nn.init.trunc_normal_(torch.empty(joints, width), std=0.02))
        self.frame_table = nn.Parameter(nn.init.trunc_normal_(torch.empty(frames, width), std=0.02))
        rates = rising(drop_path, depth)
        self.st_blocks, self.ts_blocks = (
            nn.ModuleList(_Pair(width, heads, mlp_ratio, rate) for rate in rates) for _ in range(2)
        )
        self.fusions = nn.ModuleList(Fusion(width) for _ in rates)
        self.head = Head(width, eps=1e-6)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, 3)."""
        self.check(keypoints)
        x = self.embedding(keypoints) + self.joint_table + self.frame_table[: keypoints.shape[1], None]
        for st, ts, fuse in zip(self.st_blocks, self.ts_blocks, self.fusions, strict=True):
            x = fuse(st.time(st.space(x)), ts.space(ts.time(x)))  # (B, T, J, width)
        return self.head(x)


class _Pair(nn.Module):
    """A block over joints and one over frames, called in either order."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, drop: float) -> None:
        super().__init__()
        self.space = attention_block(width, heads, mlp_ratio)(drop)
        self.time = attention_block(width, heads, mlp_ratio, over_frames=True)(drop)
