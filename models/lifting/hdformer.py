"""HDFormer: a U-net over time whose joints attend to chains of bones (Chen et al., IJCAI 2023)."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.contract import Released
from models.layout import CAMERA, Layout
from models.lifting.graphs import BONES, AdaptiveGraphConv, directed_adjacency
from models.lifting.parts import MLP, LiftingModel, attend, set_apart

TAPS = 9  # of a convolution over time
LEVELS = 4  # each half as long and twice as wide as the one before
# Chains of two, three and four bones, by their joints.
CHAINS = (
    ((0, 1, 2), (0, 4, 5), (0, 7, 8), (1, 2, 3), (4, 5, 6), (7, 8, 9), (7, 8, 11), (7, 8, 14), (8, 9, 10), (8, 11, 12),
     (8, 14, 15), (11, 12, 13), (14, 15, 16)),
    ((0, 1, 2, 3), (0, 4, 5, 6), (0, 7, 8, 9), (7, 8, 9, 10), (7, 8, 11, 12), (7, 8, 14, 15), (8, 11, 12, 13),
     (8, 14, 15, 16)),
    ((0, 7, 8, 9, 10), (0, 7, 8, 11, 12), (0, 7, 8, 14, 15), (7, 8, 11, 12, 13), (7, 8, 14, 15, 16)),
)  # fmt: skip


class HDFormer(LiftingModel):
    """2D keypoints (B, T, J, in_channels) to 3D joints (B, T, J, 3) with the root at 0, for any T.

    width : of the first level. The released code scales its answers by mean and deviation of its labels; those of this
        project are normalised already.

    Raises InputError for a width that its 8 heads do not divide, and for other joints than Human3.6M's 17.
    Source: the released `models/hd_former.py`.
    """

    human36m = True
    length = "any"
    released = Released("mean", 5)
    layout = Layout(
        ("state_dict",),
        (
            (r"^(norm|down|up|merge)\b", r"backbone.\1"),
            (r"^backbone\.norm\.", "backbone.data_bn."),
            (r"^backbone\.down\.", "backbone.downsample."),
            (r"^backbone\.up\.", "backbone.upsample."),
            (r"\.graph\.", ".foa_block."),
            (r"\.time\.", ".tcn_v."),
            (r"\.residual\.", ".residual_v."),
            (r"\.chains\.chains\.", ".linears."),
            (r"\.chains\.(query|key|value)\.", lambda m: f".cross_attn.to_{m[1][0]}."),
            (r"\.chains\.out\.", ".cross_attn.proj."),
            (r"\.chains\.norm\.", ".norm_v."),
            (r"\.chains\.norm_mlp\.", ".norm_mlp."),
            (r"\.chains\.mlp\.", ".mlp."),
            (r"^head\.", "joint_regressor."),
        ),
        space=CAMERA,
    )

    def __init__(self, frames: int, width: int, dropout: float = 0.0, in_channels: int = 2, joints: int = 17) -> None:
        super().__init__(frames, joints, in_channels)
        graph = directed_adjacency(root_edge=True)
        widths = [width * 2**level for level in range(LEVELS + 1)]
        self.norm = nn.BatchNorm1d(in_channels * joints)
        down = [Block(in_channels, width, graph, dropout, residual=False)]
        for narrow, wide in pairwise(widths):
            down += [Block(narrow, wide, graph, dropout, stride=2), Block(wide, wide, graph, dropout)]
        self.down = nn.ModuleList(down)
        upwards = widths[::-1]
        self.up = nn.ModuleList(Block(wide, narrow, graph, dropout) for wide, narrow in pairwise(upwards))
        self.merge = nn.ModuleList(Block(wide, width, graph, dropout, chains=True) for wide in upwards[:-1])
        self.head = nn.Conv2d(width, 3 * (joints - 1), (3, joints), padding=(1, 0))

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, 3)."""
        self.check(keypoints)
        x = self.norm(keypoints.permute(0, 3, 2, 1).flatten(1, 2))  # (B, C J, T): channel by channel
        x = self._u_net(x.unflatten(1, (self.in_channels, self.joints)).transpose(2, 3))  # (B, width, T, J)
        poses = self.head(x)[..., 0].unflatten(1, (3, self.joints - 1)).permute(0, 3, 2, 1)  # (B, T, J - 1, 3)
        return F.pad(poses, (0, 0, 1, 0))

    def _u_net(self, x: Tensor) -> Tensor:
        skipped = []
        for i, block in enumerate(self.down):
            x = block(x)
            if i % 2 == 0:
                skipped.append(x)  # the last one of each level
        levels = [skipped.pop()]
        for block in self.up:
            skip = skipped.pop()
            levels.append(_stretched(block(levels[-1]), skip.shape[2]) + skip)
        x = levels.pop()
        return x + sum(_stretched(block(y), x.shape[2]) for block, y in zip(self.merge, levels, strict=True))


def _stretched(x: Tensor, frames: int) -> Tensor:
    """(B, C, T, J) with so many frames: twice, four times, ... as many if T is a multiple of 16, as released."""
    return F.interpolate(x, (frames, x.shape[3]), mode="bilinear", align_corners=False)


class Block(nn.Module):
    """Graph convolution over joints, perhaps attention to chains of bones, convolution over time, and a residual."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        graph: Tensor,
        dropout: float,
        stride: int = 1,
        residual: bool = True,
        chains: bool = False,
    ) -> None:
        super().__init__()
        self.graph = AdaptiveGraphConv(inputs, outputs, graph, mixed=True)
        self.time = nn.Sequential(
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, (TAPS, 1), (stride, 1), (TAPS // 2, 0)),
            nn.BatchNorm2d(outputs),
            nn.Dropout(dropout),
        )
        self.has_residual = residual
        self.residual = nn.Sequential()
        if residual and (inputs != outputs or stride > 1):
            self.residual = nn.Sequential(nn.Conv2d(inputs, outputs, 1, (stride, 1)), nn.BatchNorm2d(outputs))
        self.chains = ChainAttention(outputs) if chains else nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, J) -> (B, outputs, T / stride, J)."""
        y = self.time(self.chains(self.graph(x)))
        return (y + self.residual(x) if self.has_residual else y).relu()


class ChainAttention(nn.Module):
    """The joints of each frame attend to its bones and to chains of two, three and four of them.

    A bone's features are child less parent; those of a chain are added up with learnt weights. There are 8 heads, or as
    many as there are channels. The norm stands behind the attention here, and before the MLP.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = min(8, width)
        if width % self.heads:
            raise InputError(f"width={width}: HDFormer has {self.heads} heads, choose a multiple of {self.heads}")
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm, self.norm_mlp, self.mlp = nn.LayerNorm(width), nn.LayerNorm(width), MLP(width, 2 * width)
        self.chains = nn.ModuleList(
            nn.ModuleList(nn.Linear(len(joints) - 1, 1) for joints in chains) for chains in CHAINS
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, T, J) -> (B, width, T, J)."""
        edges = self._edges(x).permute(0, 2, 3, 1).flatten(0, 1)  # (B T, edges, width)
        joints = x.permute(0, 2, 3, 1).flatten(0, 1)  # (B T, J, width)
        pairs = ((self.query, joints), (self.key, edges), (self.value, edges))
        q, k, v = (set_apart(layer(y), self.heads) for layer, y in pairs)
        joints = self.norm(self.out(attend(q, k, v))) + joints
        joints = self.mlp(self.norm_mlp(joints)) + joints
        return joints.unflatten(0, (x.shape[0], x.shape[2])).permute(0, 3, 1, 2)

    def _edges(self, x: Tensor) -> Tensor:
        """(B, width, T, edges): bones, and chains of two, three and four."""
        parents, children = map(list, zip(*BONES, strict=True))
        edges = [x[..., children] - x[..., parents]]
        for chains, layers in zip(CHAINS, self.chains, strict=True):
            edges += [layer(x[..., list(j)].diff(dim=-1)) for j, layer in zip(chains, layers, strict=True)]
        return torch.cat(edges, -1)
