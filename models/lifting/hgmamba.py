"""HGMamba: MotionAGFormer with scans in place of attention, and a graph of body parts (Cui and Hayama, IJCNN 2025)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.layout import Layout
from models.lifting.branches import FRAMES, GRAPH, RENAMED, RESHAPED, BranchedLifter, ScaledBlock
from models.lifting.graphs import GraphMixer, hypergraph
from models.lifting.parts import Fusion
from models.residual import rising
from models.ssm import selective_scan
from models.ssm.layer import Scan

TAPS = 4  # of the causal convolution
DIRECTION = (  # of one direction's weights, {0} and {1} what the second one's names have in them
    (r"\.mixer\.{2}\.conv\.", ".mixer.forward_backward_mamba.conv1d{0}."),
    (r"\.mixer\.{2}\.x_proj$", ".mixer.forward_backward_mamba.x_proj{0}.weight"),
    (r"\.mixer\.{2}\.dt_proj$", ".mixer.forward_backward_mamba.dt_proj{0}.weight"),
    (r"\.mixer\.{2}\.dt_bias$", ".mixer.forward_backward_mamba.dt_proj{0}.bias"),
    (r"\.mixer\.{2}\.A_log$", ".mixer.forward_backward_mamba.A{0}_log"),
    (r"\.mixer\.{2}\.D$", ".mixer.forward_backward_mamba.D{0}"),
)
SCANS = tuple(
    (pattern.replace("{2}", ours), key.replace("{0}", theirs))
    for ours, theirs in (("ahead", ""), ("back", "_b"))
    for pattern, key in DIRECTION
)
PROJECTIONS = ((r"\.mixer\.(in_proj|out_proj)\.", r".mixer.forward_backward_mamba.\1."),)


class HGMamba(BranchedLifter):
    """Keypoints (B, T, J, 3), the third channel the confidence, to 3D joints (B, T, J, 3), T exactly `frames`.

    shuffle : in training, the joints are shuffled around a layer's scans, in the last layer with this chance
    normalise : of the graph over time, "released" or "scaled" (`models.lifting.graphs.GraphMixer`)

    Raises InputError for other joints than Human3.6M's 17. Source: its released code (docs/peers.md).
    """

    human36m = True
    layout = Layout(
        ("model",), SCANS + PROJECTIONS + RENAMED + GRAPH,
        (*RESHAPED, (r"\.mixer\.(ahead|back)\.(x_proj|dt_proj|dt_bias|A_log|D)$", Layout.one_axis_less)), FRAMES,
    )  # fmt: skip

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        drop_path: float = 0.0,
        shuffle: float = 0.4,
        in_channels: int = 3,
        joints: int = 17,
        d_state: int = 16,
        mlp_ratio: int = 4,
        normalise: str = "released",
        backend: str = "auto",
    ) -> None:
        def block(mixer: nn.Module) -> ScaledBlock:
            return ScaledBlock(width, mixer, mlp_ratio, drop_path)

        layers = (
            _Layer(
                block(BidirectionalMamba(width, d_state, False, backend)),
                block(BidirectionalMamba(width, d_state, True, backend)),
                block(PartsMixer(width)),
                block(GraphMixer(width, frames, normalise)),
                Fusion(width),
                chance,
            )
            for chance in rising(shuffle, depth)
        )
        super().__init__(frames, joints, in_channels, width, layers)

    def embed(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, width); as released, by the norm of the last layer's output."""
        return self.head.norm(self.embedding(keypoints))


class _Layer(nn.Module):
    """Scans over joints and over frames side by side, a graph branch, and the weighted mean of scans and graphs."""

    def __init__(
        self,
        mamba_spatial: nn.Module,
        mamba_temporal: nn.Module,
        graph_spatial: nn.Module,
        graph_temporal: nn.Module,
        fusion: Fusion,
        shuffle: float,
    ) -> None:
        super().__init__()
        self.mamba_spatial, self.mamba_temporal = mamba_spatial, mamba_temporal
        self.graph_spatial, self.graph_temporal = graph_spatial, graph_temporal
        self.fusion, self.shuffle = fusion, shuffle

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        return self.fusion(self._scanned(x), self.graph_temporal(self.graph_spatial(x)))

    def _scanned(self, x: Tensor) -> Tensor:
        if not self.training or torch.rand((), device="cpu") >= self.shuffle:
            return self.mamba_spatial(x) + self.mamba_temporal(x)
        order = torch.randperm(x.shape[2], device=x.device)
        x = x[:, :, order]
        return (self.mamba_spatial(x) + self.mamba_temporal(x))[:, :, order.argsort()]


class BidirectionalMamba(nn.Module):
    """A Mamba there and back over one sequence of all tokens, frame after frame, or with `joints_first` by joint.

    Both directions share the projections, which the released code applies as functions: no hook sees them.
    """

    def __init__(self, width: int, d_state: int, joints_first: bool, backend: str) -> None:
        super().__init__()
        self.joints_first, inner = joints_first, 2 * width
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.out_proj = nn.Linear(inner, width, bias=False)
        self.ahead, self.back = (_Direction(inner, math.ceil(width / 16), d_state, backend) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        x = x.transpose(1, 2) if self.joints_first else x
        tokens, gate = F.linear(x.flatten(1, 2), self.in_proj.weight).chunk(2, -1)  # (B, L, inner)
        y = self.ahead(tokens, gate) + self.back(tokens.flip(1), gate.flip(1)).flip(1)
        y = F.linear(y, self.out_proj.weight).view(x.shape)
        return y.transpose(1, 2) if self.joints_first else y


class _Direction(Scan):
    """Causal convolution, SiLU, a scan of tokens in the order in which they come, and a gate: one released kernel."""

    opaque = True  # to profilers of operators, for that kernel has no entry in their lists

    def __init__(self, inner: int, rank: int, d_state: int, backend: str) -> None:
        super().__init__(inner, rank, d_state, 1, backend)
        self.conv = nn.Conv1d(inner, inner, TAPS, padding=TAPS - 1, groups=inner)
        self.initialise_scan()

    def forward(self, tokens: Tensor, gate: Tensor) -> Tensor:
        """Both (B, L, inner) -> (B, L, inner)."""
        conv = self.conv
        # Padded on both sides and cut, as released: 3 positions more are computed, and counted.
        x = F.conv1d(tokens.mT, conv.weight, conv.bias, padding=TAPS - 1, groups=conv.groups)[..., : tokens.shape[1]]
        return selective_scan(*self.read(F.silu(x).mT.contiguous(), None), backend=self.backend) * F.silu(gate)


class PartsMixer(nn.Module):
    """relu(y + BN(conv(P y) + U(y))) over the joints of each frame, P learnt from a graph of ten body parts on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        graph = hypergraph()
        self.p_adj = nn.Parameter(graph)
        # Made and saved by the released code, and never used.
        self.alpha1, self.alpha2 = (nn.Parameter(torch.ones(1)) for _ in range(2))
        self.U, self.V = (nn.Linear(width, width) for _ in range(2))
        self.conv_part = nn.Conv2d(width, width, 1)
        self.norm = nn.BatchNorm1d(len(graph))

    def forward(self, y: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        # As released: the columns are divided by a product with a diagonal matrix, 17^3 operations.
        share = self.p_adj @ torch.diag(1 / (self.p_adj.sum(0) + 1e-3))
        parts = self.conv_part(torch.einsum("btvd,vw->bdtw", y, share)).permute(0, 2, 3, 1)  # (B, T, J, width)
        z = self.norm((parts + self.U(y)).flatten(0, 1)).view(y.shape)
        return (y + z).relu()
