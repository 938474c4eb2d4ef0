"""What lifting networks share: their contract, attention, MLP, residual blocks, fusion and head.

Nothing here is one paper's own. What the papers' profiler sees decides the shape of a part: a layer that is a module
there is a module here, and what it calls as a function stays a function (metrics/counting.py).
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.arguments import check_heads
from models.contract import PoseModel
from models.layout import Layout
from models.residual import Residual

REPRESENTATION = 512  # features of a joint before the last layer, in MotionBERT and what descends from it


class LiftingModel(PoseModel):
    """Key points (B, T, J, C) to poses (B, T, J, 3), or with `emits = "centre"` to (B, 1, J, 3) of the middle frame.

    Poses are root-relative, in normalised image units. A network states where it differs from these defaults:

    length : of the clips that it takes: "at most" `frames` (a table of positions), "exactly" that (weights that depend
        on T), or "any"
    human36m : whether Human3.6M's skeleton of 17 joints is in it
    layout : how its authors keep its weights; None where that is not known

    Raises InputError for another skeleton where Human3.6M's is in it.
    """

    kind = "lifting"
    length: ClassVar[str] = "at most"
    human36m: ClassVar[bool] = False
    layout: ClassVar[Layout | None] = None

    def __init__(self, frames: int, joints: int, in_channels: int) -> None:
        super().__init__()
        if self.human36m and joints != 17:
            name = type(self).__name__
            raise InputError(f"{name} is built on Human3.6M's 17 joints, not on {joints}")
        self.frames, self.joints, self.in_channels = frames, joints, in_channels

    @property
    def example_shape(self) -> tuple[int, ...]:
        """(1, T, J, C) of one clip."""
        return 1, self.frames, self.joints, self.in_channels

    def fit(self, labels: Tensor) -> None:
        """Set what has a closed form from poses (N, J, 3) to train on; most networks have nothing of the kind."""

    def check(self, keypoints: Tensor) -> None:
        """Raise InputError unless clips (B, T, J, C) fit the network's `joints`, `in_channels` and `frames`."""
        name = type(self).__name__
        if keypoints.ndim != 4:
            raise InputError(f"{name} takes clips (B, T, J, C), not a tensor of shape {tuple(keypoints.shape)}")
        _, T, J, C = keypoints.shape
        if self.joints != J:
            raise InputError(f"{name} was built for {self.joints} joints, the clip has {J}: convert its skeleton")
        if self.in_channels != C:
            raise InputError(f"{name} was built for {self.in_channels} channels, the clip has {C}: set in_channels={C}")
        if (self.length == "at most" and self.frames < T) or (self.length == "exactly" and self.frames != T):
            raise InputError(f"{name} was built for {self.frames} frames, the clip has {T}: build it with frames={T}")


class MLP(nn.Module):
    """Linear, GELU, Linear on the last axis."""

    def __init__(self, width: int, hidden: int, bias: bool = True) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden, bias)
        self.fc2 = nn.Linear(hidden, width, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width)."""
        return self.fc2(F.gelu(self.fc1(x)))


class Attention(nn.Module):
    """Multi-head self-attention of the tokens (..., tokens, width), or with `over_frames` of the frames of each joint.

    q, k and v are one linear layer, with a bias if `bias` says so; the output has one always. Uses torch's
    `scaled_dot_product_attention`, whose fused kernel never writes the weights to memory.
    Raises InputError where `heads` do not divide the width.
    """

    def __init__(self, width: int, heads: int, over_frames: bool = False, bias: bool = True) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads, self.over_frames = heads, over_frames
        self.qkv = nn.Linear(width, 3 * width, bias)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """(..., tokens, width) -> the same; with `over_frames` (B, T, J, width) -> the same.

        seen : (tokens,) bool, the tokens that may be attended to; None: all
        """
        x = x.transpose(1, 2) if self.over_frames else x  # (..., tokens, width)
        y = self.out(attend(*split_heads(self.qkv(x), self.heads), seen=seen)).view(x.shape)
        return y.transpose(1, 2) if self.over_frames else y


def set_apart(x: Tensor, heads: int) -> Tensor:
    """Heads (sequences, heads, tokens, width / heads) of (sequences, tokens, width)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def split_heads(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """q, k and v (sequences, heads, tokens, width / heads) of (..., tokens, 3 width), which is packed [q|k|v]."""
    qkv = qkv.flatten(0, -3).unflatten(-1, (3, heads, -1))  # attention is fused on a CPU only with one batch axis
    return qkv.permute(2, 0, 3, 1, 4).unbind(0)


def attend(q: Tensor, k: Tensor, v: Tensor, scale: float | None = None, seen: Tensor | None = None) -> Tensor:
    """softmax(q k^T scale) v of (sequences, heads, tokens, d), heads side by side: (sequences, tokens, heads d).

    seen : (tokens,) bool, the keys that count; None: all
    """
    mask = None if seen is None else seen.expand(q.shape[-2], -1)
    return F.scaled_dot_product_attention(q, k, v, mask, scale=scale).transpose(1, 2).flatten(2)


class Block(Residual):
    """x + mixer(norm(x)), then x + MLP(norm(x)); each branch is dropped for whole clips in training.

    PoseMamba, eq. 8, with the residuals and dropped paths of the released code; the same around attention is the
    block of MixSTE and of most networks after it. eps : of the two norms
    """

    def __init__(
        self,
        width: int,
        mixer: nn.Module,
        mlp_ratio: int,
        drop_path: float,
        eps: tuple[float, float] = (1e-6, 1e-6),
        mlp_bias: bool = True,
    ) -> None:
        super().__init__(drop_path)
        self.norm1 = nn.LayerNorm(width, eps=eps[0])
        self.mixer = mixer
        self.norm2 = nn.LayerNorm(width, eps=eps[1])
        self.mlp = MLP(width, mlp_ratio * width, mlp_bias)

    def forward(self, x: Tensor, *context: Tensor | None) -> Tensor:
        """(B, ..., width) -> (B, ..., width); context : what the mixer takes besides."""
        x = x + self.drop(self.mixer(self.norm1(x), *context))
        return x + self.drop(self.mlp(self.norm2(x)))


def attention_block(width: int, heads: int, mlp_ratio: int, over_frames: bool = False) -> Callable[[float], Block]:
    """What makes a block of attention over joints, or over frames, from the rate at which its paths are dropped."""
    return lambda drop: Block(width, Attention(width, heads, over_frames), mlp_ratio, drop)


class Fusion(nn.Module):
    """Weighted mean of two branches; a linear layer on both says the weights, half and half at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.share = nn.Linear(2 * width, 2)
        nn.init.zeros_(self.share.weight)
        nn.init.constant_(self.share.bias, 0.5)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two of (B, T, J, width) -> one."""
        share = self.share(torch.cat((first, second), -1)).softmax(-1)
        return first * share[..., :1] + second * share[..., 1:]


class Head(nn.Module):
    """Norm, width -> 512, tanh, 512 -> 3: the tail of MotionBERT and of what descends from it."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=eps)
        self.representation = nn.Linear(width, REPRESENTATION)
        self.out = nn.Linear(REPRESENTATION, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, 3)."""
        return self.out(self.representation(self.norm(x)).tanh())
