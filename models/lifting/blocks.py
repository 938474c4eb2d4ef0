"""What PoseMamba and SasMamba share: the network around the blocks, the block, and the four-way scan operator.

The papers' networks differ only in the operator's local convolution and in the neighbours added before the scan.
Weights that are applied with plain functions (x_proj, dt_proj, A_log, D, the position tables) are parameters of their
own; everything else is a module that is called, because conventions of counting tell the two apart.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.ssm import selective_scan
from models.ssm.backends import resolve
from models.ssm.initial import initialise
from models.ssm.inputs import ScanInputs
from models.ssm.orders import mode_orders
from studies.errors import InputError

DIRECTIONS = 4
GRADIENTS = ("published", "exact")


class Lifter(nn.Module):
    """2D keypoints to 3D joints by `depth` pairs of a spatial and a temporal block (PoseMamba, eqs. 9 and 10).

    `make_block(drop_path)` makes one block (B, T, J, width) -> (B, T, J, width). One LayerNorm follows every spatial
    block and another every temporal block, shared by all depths. Paths are dropped ever more often with depth, up to
    `drop_path`.
    """

    def __init__(
        self,
        frames: int,
        joints: int,
        in_channels: int,
        width: int,
        depth: int,
        drop_path: float,
        make_block: Callable[[float], nn.Module],
    ) -> None:
        super().__init__()
        self.frames, self.joints, self.in_channels = frames, joints, in_channels
        self.embedding = nn.Linear(in_channels, width)
        self.joint_table = nn.Parameter(torch.zeros(joints, width))
        self.frame_table = nn.Parameter(torch.zeros(frames, width))
        drops = [drop_path * i / max(1, depth - 1) for i in range(depth)]
        self.space_blocks = nn.ModuleList(make_block(p) for p in drops)
        self.time_blocks = nn.ModuleList(make_block(p) for p in drops)
        self.space_norm = nn.LayerNorm(width, eps=1e-6)
        self.time_norm = nn.LayerNorm(width, eps=1e-6)
        self.head_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 3)

    def forward(self, keypoints: Tensor) -> Tensor:
        """Root-relative normalised poses (B, T, J, 3) of clips (B, T, J, in_channels); T is at most `frames`.

        Raises InputError for another number of joints or channels, or for longer clips.
        """
        check_clips(self, keypoints)
        frame_table = self.frame_table[: keypoints.shape[1], None]  # (T, 1, width)
        x = self.embedding(keypoints) + self.joint_table  # (B, T, J, width)
        for i, (space, time) in enumerate(zip(self.space_blocks, self.time_blocks, strict=True)):
            x = self.space_norm(space(x))
            if i == 0:
                x = x + frame_table
            x = self.time_norm(time(x))
        return self.head(self.head_norm(x))


def check_clips(model: nn.Module, keypoints: Tensor, any_length: bool = False) -> None:
    """Raise InputError unless clips (B, T, J, C) fit a model's `joints`, `in_channels` and, at most, `frames`."""
    name = type(model).__name__
    if keypoints.ndim != 4:
        raise InputError(f"{name} takes clips (B, T, J, C), not a tensor of shape {tuple(keypoints.shape)}")
    _, T, J, C = keypoints.shape
    if model.joints != J:
        raise InputError(f"{name} was built for {model.joints} joints, the clip has {J}: convert its skeleton")
    if model.in_channels != C:
        raise InputError(f"{name} was built for {model.in_channels} channels, the clip has {C}: set in_channels={C}")
    if model.frames < T and not any_length:
        raise InputError(f"{name} was built for {model.frames} frames, the clip has {T}: build it with frames={T}")


class Block(nn.Module):
    """x + scan(norm(x)), then x + MLP(norm(x)); each branch is dropped for whole clips in training.

    PoseMamba, eq. 8, with the residuals and dropped paths of the published code.
    """

    def __init__(self, width: int, scan: nn.Module, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.scan = scan
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, mlp_ratio * width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        x = x + self._drop(self.scan(self.norm1(x)))
        return x + self._drop(self.mlp(self.norm2(x)))

    def _drop(self, branch: Tensor) -> Tensor:
        """Zero the branch of some clips, scale up that of the others (stochastic depth)."""
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        return branch * branch.new_empty(len(branch), 1, 1, 1).bernoulli_(keep).div_(keep)


class MLP(nn.Module):
    """Linear, GELU, Linear on the last axis."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width)."""
        return self.fc2(F.gelu(self.fc1(x)))


class ScanOperator(nn.Module):
    """Gate, local convolution and a selective scan in four directions over the grid.

    PoseMamba, eq. 8, with the gate and the projections of the published code.

    Parameters
    ----------
    conv : local convolution (B, 2 width, T, J) -> the same
    mode : scan mode (`models.ssm.orders.SCAN_MODES`)
    neighbours : index lists of joints; directions 0 and 2 read each token plus those of these joints in its frame
    gradient : "published" treats the added neighbours as constants when it differentiates, as the published kernels do;
        "exact" gives the derivative
    """

    def __init__(
        self,
        width: int,
        conv: nn.Module,
        mode: str,
        neighbours: Sequence[Sequence[int]],
        gradient: str,
        d_state: int,
        backend: str,
    ) -> None:
        super().__init__()
        if gradient not in GRADIENTS:
            raise InputError(f"unknown gradient {gradient!r}: choose {' or '.join(GRADIENTS)}")
        mode_orders(mode, 1, 1)  # unknown names stop here, not in the first batch
        resolve(backend)
        inner, rank = 2 * width, math.ceil(width / 16)
        self.mode, self.gradient, self.d_state, self.rank, self.backend = mode, gradient, d_state, rank, backend
        self.register_buffer("neighbours", torch.tensor(neighbours, dtype=torch.int64), persistent=False)
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv = conv
        self.x_proj = nn.Parameter(torch.empty(DIRECTIONS, rank + 2 * d_state, inner))
        self.dt_proj = nn.Parameter(torch.empty(DIRECTIONS, inner, rank))
        self.dt_bias = nn.Parameter(torch.empty(DIRECTIONS, inner))
        self.A_log = nn.Parameter(torch.empty(DIRECTIONS, inner, d_state))
        self.D = nn.Parameter(torch.ones(DIRECTIONS, inner))
        self.norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, width, bias=False)
        initialise(self.x_proj, self.dt_proj, self.dt_bias, self.A_log)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        tokens, gate = self.tokens_and_gate(x)
        y = self.scan(*tokens, x.shape[1], x.shape[2])
        return self.out_proj(self.norm(y).view_as(gate) * F.silu(gate))

    def tokens_and_gate(self, x: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """What directions 0/2 and 1/3 read, each (B, T * J, inner) in grid order, and the gate (B, T, J, inner)."""
        u, gate = self.in_proj(x).chunk(2, -1)
        u = F.silu(self.conv(u.permute(0, 3, 1, 2))).permute(0, 2, 3, 1).contiguous()  # (B, T, J, inner)
        local = u
        for joints in self.neighbours:
            near = u.index_select(2, joints)
            local = local + (near.detach() if self.gradient == "published" else near)
        return (local.flatten(1, 2), u.flatten(1, 2)), gate

    def scan(self, local: Tensor, plain: Tensor, frames: int, joints: int) -> Tensor:
        """Sum (B, T * J, inner) of the four directions' outputs, each on the token it was read from."""
        pairs = self.scan_inputs(local, plain, frames, joints)
        first, second = (selective_scan(*pair, backend=self.backend) for pair in pairs)
        return first + second

    def scan_inputs(self, local: Tensor, plain: Tensor, frames: int, joints: int) -> tuple[ScanInputs, ScanInputs]:
        """What the scans of directions 0 and 2, which read `local`, and of 1 and 3, which read `plain`, take."""
        orders = mode_orders(self.mode, frames, joints, plain.device)
        return self._pair(local, slice(0, None, 2), orders), self._pair(plain, slice(1, None, 2), orders)

    def _pair(self, tokens: Tensor, pair: slice, orders: Tensor) -> ScanInputs:
        weight = self.x_proj[pair]  # (2, rank + 2 N, inner)
        features = F.linear(tokens, weight.flatten(0, 1)).unflatten(-1, weight.shape[:2]).transpose(1, 2)
        delta, B, C = features.split((self.rank, self.d_state, self.d_state), -1)  # (B, 2, T * J, ...)
        A = -torch.exp(self.A_log[pair])
        return ScanInputs(tokens, delta, A, B, C, self.D[pair], self.dt_bias[pair], orders[pair], self.dt_proj[pair])
