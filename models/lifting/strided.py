"""StridedTransformer (Li et al., TMM 2022) and P-STMO (Shan et al., ECCV 2022): a whole sequence in, one frame out."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.arguments import check_heads
from models.contract import ONE_BY_ONE
from models.layout import CAMERA, Layout
from models.lifting.parts import LiftingModel, attend, set_apart

TABLES = 3  # the first three strided layers have positions of their own
RENAMED = (
    (r"^sequence\.table$", "Transformer.pos_embedding"),
    (r"^sequence\.", "Transformer.model."),
    (r"^strided\.tables\.0$", "Transformer_reduce.model.pos_embedding_1"),
    (r"^strided\.tables\.1$", "Transformer_reduce.model.pos_embedding_2"),
    (r"^strided\.tables\.2$", "Transformer_reduce.model.pos_embedding_3"),
    (r"^strided\.", "Transformer_reduce.model."),
    (r"\.attention\.(\d)\.", r".self_attn.linears.\1."),
    (r"\.ffn\.0\.", ".feed_forward.w_1."),
    (r"\.ffn\.2\.", ".feed_forward.w_2."),
    (r"\.norm1\.", ".sublayer.0.norm."),
    (r"\.norm2\.", ".sublayer.1.norm."),
    (r"\.gain$", ".a_2"),
    (r"\.shift$", ".b_2"),
    (r"^head\.", "fcn."),
    (r"^sequence_head\.", "fcn_1."),
)
ENCODER = (  # of P-STMO
    (r"^encoder\.lift\.", "encoder.fc_1."),
    (r"^encoder\.norm\.", "encoder.bn_1."),
    (r"^encoder\.hidden\.0\.", "encoder.layers.0.w1."),
    (r"^encoder\.hidden\.1\.", "encoder.layers.0.batch_norm1."),
    (r"^encoder\.hidden\.3\.", "encoder.layers.0.w2."),
    (r"^encoder\.hidden\.4\.", "encoder.layers.0.batch_norm2."),
    (r"^encoder\.out\.", "encoder.fc_2."),
)
FRAMES = {"Transformer.pos_embedding": 1}


def strides_of(frames: int) -> tuple[int, ...]:
    """Strides of the layers that shrink `frames` to 1, at least three: 3 x 3 x 3 x 3 x 3 of 243, 3 x 9 x 13 of 351.

    Raises InputError for an even number of frames, which has no middle one.
    """
    if frames % 2 == 0:
        raise InputError(f"a network of {frames} frames has no middle frame: choose an odd number")
    if frames == 351:  # the released choice
        return 3, 9, 13
    factors, left = [], frames
    for factor in range(3, frames + 1, 2):
        while left % factor == 0:
            factors.append(factor)
            left //= factor
    return (*[1] * (TABLES - len(factors)), *factors)


class StridedTransformer(LiftingModel):
    """2D keypoints (B, T, J, in_channels) to the middle frame's 3D joints (B, 1, J, 3), T exactly `frames`.

    Attention over all frames, then over ever fewer. In training a head for the whole sequence teaches as well
    (`outputs`); the refinement by the rays of a camera, which the paper's number has, is no part of it.
    Raises InputError for an even number of frames and where `heads` do not divide the width.
    Source: StridedTransformer's released `model/strided_transformer.py`, and P-STMO's code (docs/peers.md).
    """

    length = "exactly"
    emits = "centre"
    released = ONE_BY_ONE
    layout = Layout((), RENAMED, (), FRAMES, space=CAMERA)

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        heads: int = 8,
        dropout: float = 0.1,
        in_channels: int = 2,
        joints: int = 17,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        self.encoder = self.make_encoder(joints * in_channels, width)
        self.sequence = _Sequence(frames, width, depth, heads, dropout)
        self.strided = _Strided(frames, width, heads, dropout)
        self.sequence_head, self.head = (
            nn.Sequential(nn.BatchNorm1d(width), nn.Conv1d(width, 3 * joints, 1)) for _ in range(2)
        )

    def make_encoder(self, inputs: int, width: int) -> nn.Module:
        """Keypoints of a frame side by side (B, inputs, T) to its features (B, width, T)."""
        return nn.Sequential(nn.Conv1d(inputs, width, 1), nn.BatchNorm1d(width), nn.ReLU())

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, 1, J, 3)."""
        return self.outputs(keypoints)[1]

    def outputs(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Poses of all frames (B, T, J, 3), which serve training alone, and of the middle one (B, 1, J, 3).

        As released, both heads always run: the printed counts have both in them.
        """
        self.check(keypoints)
        x = self.encoder(keypoints.flatten(2).mT).mT  # (B, T, width)
        x = self.sequence(x)
        heads = ((self.sequence_head, x), (self.head, self.strided(x)))
        every, middle = (head(y.mT).mT.unflatten(-1, (self.joints, 3)) for head, y in heads)
        return every, middle


class PSTMO(StridedTransformer):
    """P-STMO without its pre-training: StridedTransformer behind a deeper encoder of each frame; raises as that."""

    layout = Layout((), ENCODER + RENAMED, (), FRAMES, space=CAMERA)

    def make_encoder(self, inputs: int, width: int) -> nn.Module:
        """As StridedTransformer's."""
        return _Encoder(inputs, 2 * width, width)


class _Encoder(nn.Module):
    """A residual network of one frame's keypoints (Martinez et al., ICCV 2017), as convolutions over time of size 1."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.lift, self.norm = nn.Conv1d(inputs, hidden, 1), nn.BatchNorm1d(hidden)
        layers = [(nn.Conv1d(hidden, hidden, 1), nn.BatchNorm1d(hidden), nn.LeakyReLU(0.2)) for _ in range(2)]
        self.hidden = nn.Sequential(*layers[0], *layers[1])
        self.out = nn.Conv1d(hidden, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, outputs, T)."""
        x = F.leaky_relu(self.norm(self.lift(x)), 0.2)
        return self.out(x + self.hidden(x))


class _Sequence(nn.Module):
    """Attention over all frames."""

    def __init__(self, frames: int, width: int, depth: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, frames, width))
        self.layers = nn.ModuleList(_Layer(width, heads, dropout) for _ in range(depth))
        self.norm = HandNorm(width)  # made and saved by the released code, and never applied

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        x = x + self.table
        for layer in self.layers:
            x = layer(x)
        return x


class _Strided(nn.Module):
    """Attention over ever fewer frames, until one is left."""

    def __init__(self, frames: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        # As released: three tables of all frames, though two of them are added to fewer; rows beyond are never read.
        self.tables = nn.ParameterList(torch.randn(1, frames, width) for _ in range(TABLES))
        self.layers = nn.ModuleList(_Layer(width, heads, dropout, stride) for stride in strides_of(frames))
        self.norm = HandNorm(width)  # never applied, as that of `_Sequence`

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, 1, width)."""
        for i, layer in enumerate(self.layers):
            x = layer(x + self.tables[i][:, : x.shape[1]] if i < TABLES else x)
        return x


class _Layer(nn.Module):
    """Pre-norm attention and a ReLU network; with a stride, whose second layer is then a convolution over time."""

    def __init__(self, width: int, heads: int, dropout: float, stride: int | None = None) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads, self.stride, self.dropout, hidden = heads, stride, dropout, 2 * width
        self.norm1, self.norm2 = HandNorm(width), HandNorm(width)
        self.attention = nn.ModuleList(nn.Linear(width, width) for _ in range(4))  # q, k, v and output
        first, second = nn.Linear(width, hidden), nn.Linear(hidden, width)
        if stride:
            first, second = nn.Conv1d(width, hidden, 1), nn.Conv1d(hidden, width, 3, stride, padding=1)
        self.ffn = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width), or every stride-th frame of it."""
        x = x + self._drop(self._attend(self.norm1(x)))
        y = self.norm2(x)
        y = self.ffn(y.mT).mT if self.stride else self.ffn(y)
        return x[:, :: self.stride or 1] + self._drop(y)

    def _attend(self, x: Tensor) -> Tensor:
        q, k, v = (set_apart(layer(x), self.heads) for layer in self.attention[:3])
        return self.attention[3](attend(q, k, v))

    def _drop(self, branch: Tensor) -> Tensor:
        return F.dropout(branch, self.dropout, self.training)


class HandNorm(nn.Module):
    """gain (x - mean) / (std + 1e-6) + shift with the unbiased deviation: no profiler knows it as a norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width)."""
        return self.gain * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6) + self.shift
