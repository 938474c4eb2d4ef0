"""Uplift and Upsample: a transformer over every fifth frame (Einfalt, Ludwig and Lienhart, WACV 2023)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.contract import Released
from models.lifting.parts import Attention, Block, LiftingModel
from models.residual import rising

TAPS = 3  # of the convolution in a strided block
HEADS = 8


class UpliftUpsample(LiftingModel):
    """2D keypoints (B, T, J, in_channels) to the middle frame's 3D joints (B, 1, J, 3), T exactly `frames`.

    Of the frames only every stride_out-th, counted from the middle, is a token, and of the tokens only those that lie a
    multiple of stride_in behind the first have key points; a learnt token stands for the others, and the first block
    over tokens does not look at it. depth : blocks over joints, and over tokens; width : of a token, joint_width of a
    joint. The released weights are Keras', and no layout of them is known here.

    Raises InputError where stride_in is no multiple of stride_out, for an even number of frames or too few, and where 8
    heads do not divide the widths. Source: the released `common/net/uplift_upsample_transformer.py`. Inferred is what a
    strided block adds its output to: the middle of each of its windows.
    """

    length = "exactly"
    emits = "centre"
    released = Released("centre", 5, "edge")  # the frames between are interpolated

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        joint_width: int = 32,
        stride_in: int = 5,
        stride_out: int = 5,
        drop_path: float = 0.1,
        in_channels: int = 2,
        joints: int = 17,
        mlp_ratio: int = 2,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        half = (frames - 1) // 2
        if stride_in % stride_out or frames % 2 == 0 or half < stride_out:
            raise InputError(f"{stride_in=} must be a multiple of {stride_out=}, and frames={frames} odd and longer")
        reach = half // stride_out
        self.seen_frames = slice(half - reach * stride_out, half + reach * stride_out + 1, stride_in)
        self.seen_tokens = slice(None, None, stride_in // stride_out)
        seen = torch.zeros(2 * reach + 1, dtype=torch.bool)
        seen[self.seen_tokens] = True
        self.register_buffer("seen", seen, persistent=False)
        tokens, rates = 2 * reach + 1, rising(drop_path, depth)
        self.embedding = nn.Linear(in_channels, joint_width)
        self.joint_table = nn.Parameter(torch.zeros(joints, joint_width))
        self.joint_blocks = nn.ModuleList(
            Block(joint_width, Attention(joint_width, HEADS), mlp_ratio, p) for p in rates
        )
        self.joint_norm = nn.LayerNorm(joint_width, eps=1e-6)
        self.to_token = nn.Linear(joints * joint_width, width)
        self.unseen = nn.Parameter(torch.zeros(width))
        self.token_table = nn.Parameter(torch.zeros(tokens, width))
        self.blocks = nn.ModuleList(Block(width, Attention(width, HEADS), mlp_ratio, p) for p in rates)
        self.strided = nn.ModuleList(StridedBlock(n, width, mlp_ratio, *step) for n, *step in steps(tokens))
        self.sequence_head, self.head = (nn.Linear(width, 3 * joints) for _ in range(2))

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, 1, J, 3)."""
        return self.outputs(keypoints)[1]

    def outputs(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Poses of all frames (B, T, J, 3), which serve training alone, and of the middle one (B, 1, J, 3).

        Those of all frames are interpolated between the tokens', as in the paper.
        """
        self.check(keypoints)
        x = self._tokens(keypoints) + self.token_table  # (B, tokens, width)
        for i, block in enumerate(self.blocks):
            x = block(x, self.seen if i == 0 else None)
        every = F.interpolate(self.sequence_head(x).mT, self.frames, mode="linear", align_corners=True).mT
        for block in self.strided:
            x = block(x)
        return every.unflatten(-1, (self.joints, 3)), self.head(x).unflatten(-1, (self.joints, 3))

    def _tokens(self, keypoints: Tensor) -> Tensor:
        x = self.embedding(keypoints[:, self.seen_frames]) + self.joint_table  # (B, seen, J, joint_width)
        for block in self.joint_blocks:
            x = block(x)
        seen = self.to_token(self.joint_norm(x).flatten(2))
        tokens = self.unseen.expand(len(x), len(self.seen), -1).clone()
        tokens[:, self.seen_tokens] = seen
        return tokens


def steps(tokens: int) -> list[tuple[int, int, int]]:
    """Tokens before, taps and stride of each strided block, until one token is left: 71 -> 23 -> 3 -> 1 as released."""
    strides, layers = iter((3, 10, 3) if tokens == 71 else ()), []
    while tokens > 1:
        taps, stride = min(TAPS, tokens), next(strides, 3)
        layers.append((tokens, taps, stride))
        tokens = (tokens - taps) // stride + 1
    return layers


class StridedBlock(nn.Module):
    """Positions, attention, and a network whose second layer is a convolution over time without padding."""

    def __init__(self, tokens: int, width: int, mlp_ratio: int, taps: int, stride: int) -> None:
        super().__init__()
        self.taps, self.stride = taps, stride
        self.table = nn.Parameter(torch.zeros(tokens, width))
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.mixer = Attention(width, HEADS)
        self.fc = nn.Linear(width, mlp_ratio * width)
        self.conv = nn.Conv1d(mlp_ratio * width, width, taps, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, tokens, width) -> (B, fewer, width)."""
        x = x + self.table
        x = x + self.mixer(self.norm1(x))
        y = self.conv(F.gelu(self.fc(self.norm2(x))).mT).mT
        return x[:, self.taps // 2 :: self.stride][:, : y.shape[1]] + y
