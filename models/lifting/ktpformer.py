"""KTPFormer: MixSTE behind two blocks that know the skeleton and the order of time (Peng et al., CVPR 2024)."""

import torch
from torch import Tensor, nn

from models.layout import CAMERA, Layout
from models.lifting.graphs import BONES, JOINTS, row_normalised
from models.lifting.lifter import ATTENTION, RENAMED, Lifter
from models.lifting.parts import Attention, Block, attention_block

IN_PRIOR = (  # of a prior block: names that differ from MixSTE's
    (r"^(space|time)_prior\.block\.norm1\.", r"\1_prior.attn.norm1."),
    (r"^(space|time)_prior\.block\.mixer\.qkv\.", r"\1_prior.attn.qkv."),
    (r"^(space|time)_prior\.block\.mixer\.out\.", r"\1_prior.attn.proj."),
    (r"^(space|time)_prior\.block\.", r"\1_prior."),
    (r"^space_prior\.graphs\.0\.", "space_prior.attn.kpa."),
    (r"^time_prior\.graphs\.(\d)\.", r"time_prior.attn.tpa.\1."),
    (r"\.tpa\.0\.", ".tpa.gconv1."),
    (r"\.tpa\.1\.", ".tpa.gconv2."),
    (r"\.graph\.", ".gconv."),
    (r"^space_prior\.table$", "space_prior.attn.Spatial_pos_embed"),
    (r"^time_prior\.table$", "time_prior.attn.Temporal_pos_embed"),
    (r"^space_prior\.", "kpattention."),
    (r"^time_prior\.", "tpattention."),
)


class KTPFormer(Lifter):
    """2D keypoints (B, T, J, in_channels) to 3D joints (B, T, J, 3), T exactly `frames`: the nodes of a graph.

    depth : rounds of MixSTE behind the two prior blocks
    Raises InputError where `heads` do not divide the width, and for other joints than Human3.6M's 17.
    Source: the released `common/model_ktpformer.py`. That adds positions in place to what a ReLU gave, which its
    backward pass refuses; here it is an ordinary sum.
    """

    human36m = True
    length = "exactly"
    layout = Layout(
        ("model_pos",), IN_PRIOR + RENAMED + ATTENTION, ((r"_prior\.table$", Layout.one_axis_more),),
        {"tpattention.attn.Temporal_pos_embed": 1}, space=CAMERA,
    )  # fmt: skip

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        heads: int = 8,
        drop_path: float = 0.1,
        in_channels: int = 2,
        joints: int = 17,
        mlp_ratio: int = 2,
    ) -> None:
        self.heads, self.mlp_ratio = heads, mlp_ratio
        make_space, make_time = (attention_block(width, heads, mlp_ratio, over_frames) for over_frames in (False, True))
        super().__init__(frames, joints, in_channels, width, depth, drop_path, make_space, make_time)

    def make_embedding(self, width: int) -> None:
        """The two prior blocks stand in place of the embedding and of the first round."""

        def block(over_frames: bool) -> Block:
            # The norm before attention has torch's own eps here.
            return Block(width, Attention(width, self.heads, over_frames), self.mlp_ratio, 0.0, eps=(1e-5, 1e-6))

        skeleton = row_normalised(list(BONES), JOINTS)
        chain = row_normalised([(t, t + 1) for t in range(self.frames - 1)], self.frames)
        self.space_prior = _Prior([GraphUnit(self.in_channels, width, skeleton)], block(False), False)
        self.time_prior = _Prior([GraphUnit(width, width, chain) for _ in range(2)], block(True), True)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, 3)."""
        self.check(keypoints)
        x = self.space_norm(self.space_prior(keypoints))  # (B, T, J, width)
        return self.rounds(self.time_norm(self.time_prior(x)))


class _Prior(nn.Module):
    """Graph units over joints, or over frames with a residual, then positions, then an attention block."""

    def __init__(self, graphs: list[nn.Module], block: Block, over_frames: bool) -> None:
        super().__init__()
        self.over_frames, self.graphs, self.block = over_frames, nn.ModuleList(graphs), block
        nodes, width = graphs[-1].graph.M.shape
        self.table = nn.Parameter(torch.zeros(nodes, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, C) -> (B, T, J, width)."""
        x = x.transpose(1, 2) if self.over_frames else x  # (B, sequences, nodes, C)
        y = x
        for graph in self.graphs:
            y = graph(y)
        y = (x + y if self.over_frames else y) + self.table
        return self.block(y.transpose(1, 2) if self.over_frames else y)


class GraphUnit(nn.Module):
    """Learnable graph convolution, batch normalisation of the channels, ReLU."""

    def __init__(self, inputs: int, outputs: int, adjacency: Tensor) -> None:
        super().__init__()
        self.graph = LearnableGraphConv(inputs, outputs, adjacency)
        self.bn = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, sequences, nodes, inputs) -> (B, sequences, nodes, outputs)."""
        y = self.bn(self.graph(x).flatten(0, 1).mT).mT
        return y.relu().view(*x.shape[:-1], -1)


class LearnableGraphConv(nn.Module):
    """(A o I)(M o x W0) + (A o (1 - I))(M o x W1) + b, A the mean of prior + learnt graph and its transpose."""

    def __init__(self, inputs: int, outputs: int, adjacency: Tensor) -> None:
        super().__init__()
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.W = nn.Parameter(nn.init.xavier_uniform_(torch.empty(2, inputs, outputs), gain=1.414))
        self.M = nn.Parameter(torch.ones(len(adjacency), outputs))
        self.adj2 = nn.Parameter(torch.full(adjacency.shape, 1e-6))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-(outputs**-0.5), outputs**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., nodes, inputs) -> (..., nodes, outputs)."""
        adjacency = self.adjacency + self.adj2
        adjacency = (adjacency + adjacency.T) / 2
        itself = torch.eye(len(adjacency), dtype=x.dtype, device=x.device)
        own, others = (self.M * (x @ weight) for weight in self.W)
        # As released: the diagonal is a whole matrix product too, and is counted as one.
        return (adjacency * itself) @ own + (adjacency * (1 - itself)) @ others + self.bias
