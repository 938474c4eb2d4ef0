"""MHFormer: three hypotheses of a sequence that read each other (Li et al., CVPR 2022, arXiv 2111.12707)."""

import math
import re
from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.contract import ONE_BY_ONE
from models.layout import CAMERA, Layout
from models.lifting.parts import MLP, Attention, Block, LiftingModel, attend, set_apart
from models.residual import Residual, rising

HYPOTHESES = 3
TRACK_HEADS = 9
BLOCKS = 4  # of each transformer over tracks


def _from_one(text: str) -> Callable[[re.Match], str]:
    """A replacement that counts hypotheses from 1, where ours count from 0: {0} is what was matched, {1} the number."""
    return lambda match: text.format(match[1], int(match[2]) + 1)


RENAMED = (
    (r"^(norms)\.(\d)\.", _from_one("norm_{1}.")),
    (r"^(embeddings)\.(\d)\.", _from_one("embedding_{1}.")),
    (r"^(tracks)\.(\d)\.", _from_one("Transformer_encoder_{1}.")),
    (r"^(Transformer_encoder_.*)\.mixer\.out\.", r"\1.attn.proj."),
    (r"^(Transformer_encoder_.*)\.mixer\.", r"\1.attn."),
    (r"^(tables)\.(\d)$", _from_one("Transformer_hypothesis.pos_embed_{1}")),
    (r"^alone\.", "Transformer_hypothesis.SHR_blocks."),
    (r"^together\.", "Transformer_hypothesis.CHI_blocks.0."),
    (r"^norm\.", "Transformer_hypothesis.norm."),
    (r"^head\.", "regression."),
    (r"(SHR_blocks\.\d+)\.norms\.(\d)\.", _from_one("{0}.norm1_{1}.")),
    (r"(CHI_blocks\.0)\.norms\.([012])\.", _from_one("{0}.norm3_1{1}.")),
    (r"(CHI_blocks\.0)\.norms\.([345])\.", lambda m: f"{m[1]}.norm3_2{int(m[2]) - 2}."),
    (r"(CHI_blocks\.0)\.norms\.([678])\.", lambda m: f"{m[1]}.norm3_3{int(m[2]) - 5}."),
    (r"(SHR_blocks\.\d+|CHI_blocks\.0)\.attention\.(\d)\.", _from_one("{0}.attn_{1}.")),
    (r"(attn_\d)\.out\.", r"\1.proj."),
    (r"(attn_\d)\.layers\.0\.", r"\1.linear_q."),
    (r"(attn_\d)\.layers\.1\.", r"\1.linear_k."),
    (r"(attn_\d)\.layers\.2\.", r"\1.linear_v."),
)


class MHFormer(LiftingModel):
    """2D keypoints (B, T, J, in_channels) to 3D joints (B, T, J, 3), T exactly `frames`: tokens are as wide as T.

    First the tracks of all coordinates attend to each other, with T features each, three times over; each of the three
    results is a hypothesis, and the hypotheses attend over frames on their own and then to each other. All frames come
    out, and the released evaluation keeps the middle one.

    depth : blocks of hypotheses on their own; width : of their tokens. Tracks have 9 heads as released, or the greatest
    number that divides both 9 and T. Raises InputError where 8 heads do not divide the width.
    Source: the released `model/mhformer.py`.
    """

    length = "exactly"
    released = ONE_BY_ONE
    layout = Layout((), RENAMED, frames={"norm_1.weight": 0}, space=CAMERA)

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        drop_path: float = 0.2,
        dropout: float = 0.1,
        in_channels: int = 2,
        joints: int = 17,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        count, each = joints * in_channels, range(HYPOTHESES)
        self.norms = nn.ModuleList(nn.LayerNorm(frames) for _ in each)
        self.tracks = nn.ModuleList(_Tracks(count, frames, drop_path) for _ in each)
        self.embeddings = nn.ModuleList(_embedding(count, width, frames, dropout) for _ in each)
        self.tables = nn.ParameterList(torch.zeros(1, frames, width) for _ in each)
        rates = rising(drop_path, depth + 1)
        self.alone = nn.ModuleList(Alone(width, rate) for rate in rates[:-1])
        self.together = Together(width, rates[-1])
        self.norm = nn.LayerNorm(HYPOTHESES * width, eps=1e-6)
        self.head = nn.Sequential(nn.BatchNorm1d(HYPOTHESES * width), nn.Conv1d(HYPOTHESES * width, 3 * joints, 1))

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, 3)."""
        self.check(keypoints)
        x, hypotheses = keypoints.flatten(2).mT, []  # (B, J C, T)
        for norm, tracks, embed, table in zip(self.norms, self.tracks, self.embeddings, self.tables, strict=True):
            x = x + tracks(norm(x))
            hypotheses.append(embed(x).mT + table)  # (B, T, width)
        for block in (*self.alone, self.together):
            hypotheses = block(hypotheses)
        poses = self.head(self.norm(torch.cat(hypotheses, -1)).mT)  # (B, 3 J, T)
        return poses.mT.unflatten(-1, (self.joints, 3))


def _embedding(tracks: int, width: int, frames: int, dropout: float) -> nn.Module:
    """All tracks at an instant to a token; the released code normalises those of its networks for short clips."""
    layer = nn.Conv1d(tracks, width, 1)
    short = frames <= 27
    return nn.Sequential(layer, nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)) if short else layer


class _Tracks(nn.Module):
    """A transformer over the tracks of all coordinates (B, tracks, T)."""

    def __init__(self, count: int, frames: int, drop_path: float) -> None:
        super().__init__()
        heads = math.gcd(TRACK_HEADS, frames)
        self.pos_embed = nn.Parameter(torch.zeros(1, count, frames))
        self.blocks = nn.ModuleList(Block(frames, Attention(frames, heads), 2, p) for p in rising(drop_path, BLOCKS))
        self.norm = nn.LayerNorm(frames, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class _Hypotheses(Residual):
    """What follows attention in both kinds of blocks: one MLP on all hypotheses side by side."""

    def __init__(self, width: int, norms: int, attention: list[nn.Module], drop_path: float) -> None:
        super().__init__(drop_path)
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for _ in range(norms))
        self.attention = nn.ModuleList(attention)
        self.norm2 = nn.LayerNorm(HYPOTHESES * width, eps=1e-6)
        self.mlp = MLP(HYPOTHESES * width, 2 * width)

    def _mixed(self, hypotheses: list[Tensor]) -> list[Tensor]:
        x = torch.cat(hypotheses, -1)
        return list((x + self.drop(self.mlp(self.norm2(x)))).chunk(HYPOTHESES, -1))


class Alone(_Hypotheses):
    """Each hypothesis (B, T, width) attends over its own frames."""

    def __init__(self, width: int, drop_path: float) -> None:
        super().__init__(width, HYPOTHESES, [Attention(width, 8) for _ in range(HYPOTHESES)], drop_path)

    def forward(self, hypotheses: list[Tensor]) -> list[Tensor]:
        parts = zip(hypotheses, self.norms, self.attention, strict=True)
        return self._mixed([x + self.drop(attention(norm(x))) for x, norm, attention in parts])


class Together(_Hypotheses):
    """Each hypothesis in turn takes of itself what another one asks of a third; later ones see earlier ones changed."""

    def __init__(self, width: int, drop_path: float) -> None:
        attention = [_CrossAttention(width, 8) for _ in range(HYPOTHESES)]
        super().__init__(width, HYPOTHESES * HYPOTHESES, attention, drop_path)

    def forward(self, hypotheses: list[Tensor]) -> list[Tensor]:
        hypotheses = list(hypotheses)
        for i, attention in enumerate(self.attention):
            asks, answers = (j for j in range(HYPOTHESES) if j != i)
            norms = self.norms[HYPOTHESES * i : HYPOTHESES * (i + 1)]
            read = [norm(hypotheses[j]) for norm, j in zip(norms, (asks, answers, i), strict=True)]
            hypotheses[i] = hypotheses[i] + self.drop(attention(*read))
        return self._mixed(hypotheses)


class _CrossAttention(nn.Module):
    """Attention whose queries, keys and values come from three sources (B, T, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, *sources: Tensor) -> Tensor:
        heads = (set_apart(layer(x), self.heads) for layer, x in zip(self.layers, sources, strict=True))
        return self.out(attend(*heads))
