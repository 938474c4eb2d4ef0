"""The network around the blocks that MixSTE introduced: PoseMamba, SasMamba, STAMPose and KTPFormer have it as well."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.layout import Layout
from models.lifting.parts import LiftingModel
from models.residual import rising

# Names of the released code, ours -> theirs.
RENAMED = (
    (r"^embedding\.", "Spatial_patch_to_embedding."),
    (r"^joint_table$", "Spatial_pos_embed"),
    (r"^frame_table$", "Temporal_pos_embed"),
    (r"^space_norm\.", "Spatial_norm."),
    (r"^time_norm\.", "Temporal_norm."),
    (r"^head\.", "head.1."),
    (r"^head_norm\.", "head.0."),
    (r"^space_blocks\.", "STEblocks."),
    (r"^time_blocks\.", "TTEblocks."),
)
ATTENTION = ((r"\.mixer\.qkv\.", ".attn.qkv."), (r"\.mixer\.out\.", ".attn.proj."))
SCAN = (  # of a block whose mixer scans
    (r"\.norm1\.", ".norm."),
    (r"\.mixer\.conv\.", ".op.conv2d."),
    (r"\.mixer\.x_proj$", ".op.x_proj_weight"),
    (r"\.mixer\.dt_proj$", ".op.dt_projs_weight"),
    (r"\.mixer\.dt_bias$", ".op.dt_projs_bias"),
    (r"\.mixer\.A_log$", ".op.A_logs"),
    (r"\.mixer\.D$", ".op.Ds"),
    (r"\.mixer\.norm\.", ".op.out_norm."),
    (r"\.mixer\.", ".op."),
)
# Tables have an axis more in the files; A and D have directions and channels in one axis.
RESHAPED = ((r"_table$", Layout.one_axis_more), (r"\.(A_log|D)$", Layout.first_two_in_one))
FRAMES = {"Temporal_pos_embed": 1}


class Lifter(LiftingModel):
    """2D keypoints to 3D joints by `depth` pairs of a spatial and a temporal block (PoseMamba, eqs. 9 and 10).

    `make_space(drop_path)` and `make_time(drop_path)` make one block (B, T, J, width) -> (B, T, J, width); without the
    second, both kinds are made by the first. One LayerNorm follows every spatial block and another every temporal
    block, shared by all depths. Paths are dropped ever more often with depth, up to `drop_path`.
    """

    def __init__(
        self,
        frames: int,
        joints: int,
        in_channels: int,
        width: int,
        depth: int,
        drop_path: float,
        make_space: Callable[[float], nn.Module],
        make_time: Callable[[float], nn.Module] | None = None,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        self.make_embedding(width)
        self.space_blocks = nn.ModuleList(make_space(p) for p in rising(drop_path, depth))
        self.time_blocks = nn.ModuleList((make_time or make_space)(p) for p in rising(drop_path, depth))
        self.space_norm = nn.LayerNorm(width, eps=1e-6)
        self.time_norm = nn.LayerNorm(width, eps=1e-6)
        self.head_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 3)

    def make_embedding(self, width: int) -> None:
        """Set what comes before the rounds: a linear layer and tables of positions."""
        self.embedding = nn.Linear(self.in_channels, width)
        self.joint_table = nn.Parameter(torch.zeros(self.joints, width))
        self.frame_table = nn.Parameter(torch.zeros(self.frames, width))

    def forward(self, keypoints: Tensor) -> Tensor:
        """Root-relative normalised poses (B, T, J, 3) of clips (B, T, J, in_channels); T is at most `frames`.

        Raises InputError for another number of joints or channels, or for longer clips.
        """
        self.check(keypoints)
        frame_table = self.frame_table[: keypoints.shape[1], None]  # (T, 1, width)
        return self.rounds(self.embedding(keypoints) + self.joint_table, frame_table)

    def rounds(self, x: Tensor, frame_table: Tensor | None = None) -> Tensor:
        """Poses (B, T, J, 3) of features (B, T, J, width); the table is added before the first temporal block."""
        for i, (space, time) in enumerate(zip(self.space_blocks, self.time_blocks, strict=True)):
            x = self.space_norm(space(x))
            if i == 0 and frame_table is not None:
                x = x + frame_table
            x = self.time_norm(time(x))
        return self.head(self.head_norm(x))
