"""STCFormer: half of the channels attend over joints, half over frames (Tang et al., CVPR 2023)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.contract import ONE_BY_ONE
from models.layout import CAMERA, Layout
from models.lifting.parts import Block, LiftingModel, attend
from models.residual import drop_path

BODY_PARTS = (0, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0, 3, 3, 3, 4, 4, 4)  # trunk, legs and arms, by joint
HEADS = 8  # of each half


class STCFormer(LiftingModel):
    """2D keypoints (B, T, J, in_channels) to 3D joints (B, T, J, 3), for any T: no weight depends on it.

    All frames come out; the released evaluation keeps the middle one and moves its window frame by frame.
    Raises InputError where the width is not a multiple of 16, and for other joints than Human3.6M's 17.
    Source: the released `model/stcformer.py`.
    """

    human36m = True
    length = "any"
    released = ONE_BY_ONE
    layout = Layout(
        (),
        (
            (r"^embedding\.", "pose_emb."),
            (r"^blocks\.", "stcformer.stc_block."),
            (r"\.norm1\.", ".stc_att.layer_norm."),
            (r"\.norm2\.", ".layer_norm."),
            (r"\.mixer\.out\.", ".stc_att.proj."),
            (r"\.mixer\.parts\.", ".stc_att.emb."),
            (r"\.mixer\.conv_space\.", ".stc_att.sep2_s."),
            (r"\.mixer\.conv_time\.", ".stc_att.sep2_t."),
            (r"\.mixer\.", ".stc_att."),
            (r"^head\.", "regress_head."),
        ),
        space=CAMERA,
    )

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        drop_path: float = 0.0,
        part_drop: float = 0.5,
        in_channels: int = 2,
        joints: int = 17,
        mlp_ratio: int = 4,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        self.embedding = nn.Linear(in_channels, width, bias=False)
        self.blocks = nn.ModuleList(
            Block(width, CrissCross(width, part_drop), mlp_ratio, drop_path, eps=(1e-5, 1e-5), mlp_bias=False)
            for _ in range(depth)
        )
        self.head = nn.Linear(width, 3, bias=False)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, 3)."""
        self.check(keypoints)
        x = F.gelu(self.embedding(keypoints))  # (B, T, J, width)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class CrissCross(nn.Module):
    """The first half of the channels attends over joints, the second over frames; the heads of both lie in turn.

    A convolution of v over frames and joints is added to what comes of attention, and, so faintly that it hardly
    counts, an embedding of the body part. Raises InputError where the width is not a multiple of 16.
    """

    def __init__(self, width: int, part_drop: float) -> None:
        super().__init__()
        if width % (2 * HEADS):
            raise InputError(
                f"width={width}: STCFormer has {HEADS} heads in each half, choose a width divisible by {2 * HEADS}"
            )
        self.part_drop, self.scale = part_drop, (width // 2) ** -0.5  # of all heads together, as released
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.parts = nn.Embedding(len(set(BODY_PARTS)), width // (2 * HEADS))
        self.conv_space, self.conv_time = (
            nn.Conv2d(width // 2, width // 2, 3, padding=1, groups=width // 2) for _ in range(2)
        )
        self.register_buffer("part_of_joint", torch.tensor(BODY_PARTS), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        # q, k and v are the fastest index of the layer's outputs, not the slowest as elsewhere.
        space, time = self.qkv(x).unflatten(-1, (-1, 3)).chunk(2, -2)  # (B, T, J, width / 2, 3)
        over_joints = self._attend(space, self.conv_space, 1e-4)
        over_frames = self._attend(time.transpose(1, 2), self.conv_time, 1e-9).transpose(1, 2)
        heads = [y.unflatten(-1, (HEADS, -1)) for y in (over_joints, over_frames)]
        return self.out(torch.cat(heads, -1).flatten(-2))

    def _attend(self, qkv: Tensor, conv: nn.Conv2d, faint: float) -> Tensor:
        """(B, sequences, tokens, width / 2, 3) -> (B, sequences, tokens, width / 2); the convolution sees (T, J)."""
        over_frames = conv is self.conv_time
        q, k, v = (x.unflatten(-1, (HEADS, -1)).flatten(0, 1).transpose(1, 2) for x in qkv.unbind(-1))
        y = attend(q, k, v, self.scale).view(qkv.shape[:-1])
        plane = qkv[..., 2].permute(0, 3, 2, 1) if over_frames else qkv[..., 2].permute(0, 3, 1, 2)
        local = conv(plane)  # (B, width / 2, T, J)
        local = local.permute(0, 3, 2, 1) if over_frames else local.permute(0, 2, 3, 1)
        return y + local + faint * self._parts(qkv.shape, over_frames)

    def _parts(self, shape: torch.Size, over_frames: bool) -> Tensor:
        """Embedding of the body part of each token, the same for all heads, dropped for some clips in training."""
        part = self.parts(self.part_of_joint).repeat(1, HEADS)  # (J, width / 2)
        part = part[:, None] if over_frames else part  # joints are the sequences, or the tokens
        return drop_path(part.expand(*shape[:3], -1), self.part_drop, self.training)
