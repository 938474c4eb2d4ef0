"""The four-way scan operator that PoseMamba and SasMamba share.

The papers' networks differ only in the operator's local convolution and in the neighbours added before the scan.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.ssm import selective_scan
from models.ssm.inputs import ScanInputs
from models.ssm.layer import Scan
from models.ssm.orders import mode_orders

DIRECTIONS = 4
GRADIENTS = ("released", "exact")


class ScanOperator(Scan):
    """Gate, local convolution and a selective scan in four directions over the grid.

    PoseMamba, eq. 8, with the gate and the projections of the released code.

    Parameters
    ----------
    conv : local convolution (B, 2 width, T, J) -> the same
    mode : scan mode (`models.ssm.orders.SCAN_MODES`)
    neighbours : index lists of joints; directions 0 and 2 read each token plus those of these joints in its frame
    gradient : "released" treats the added neighbours as constants when it differentiates, as the released kernels do;
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
        inner = 2 * width
        super().__init__(inner, math.ceil(width / 16), d_state, DIRECTIONS, backend)
        if gradient not in GRADIENTS:
            raise InputError(f"unknown gradient {gradient!r}: choose {' or '.join(GRADIENTS)}")
        mode_orders(mode, 1, 1)  # unknown names stop here, not in the first batch
        self.mode, self.gradient = mode, gradient
        self.register_buffer("neighbours", torch.tensor(neighbours, dtype=torch.int64), persistent=False)
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv = conv
        self.norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, width, bias=False)
        self.initialise_scan()

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
            local = local + (near.detach() if self.gradient == "released" else near)
        return (local.flatten(1, 2), u.flatten(1, 2)), gate

    def scan(self, local: Tensor, plain: Tensor, frames: int, joints: int) -> Tensor:
        """Sum (B, T * J, inner) of the four directions' outputs, each on the token it was read from."""
        pairs = self.scan_inputs(local, plain, frames, joints)
        first, second = (selective_scan(*pair, backend=self.backend) for pair in pairs)
        return first + second

    def scan_inputs(self, local: Tensor, plain: Tensor, frames: int, joints: int) -> tuple[ScanInputs, ScanInputs]:
        """What the scans of directions 0 and 2, which read `local`, and of 1 and 3, which read `plain`, take."""
        orders = mode_orders(self.mode, frames, joints, plain.device)
        pairs = (slice(0, None, 2), local), (slice(1, None, 2), plain)
        first, second = (self.read(tokens, orders[pair], pair) for pair, tokens in pairs)
        return first, second
