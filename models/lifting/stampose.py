"""STAMPose: attention over joints and selective scans along time (ACCV 2026)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.layout import Layout
from models.lifting.lifter import ATTENTION, FRAMES, RENAMED, RESHAPED, SCAN, Lifter
from models.lifting.parts import Block, attention_block
from models.ssm import selective_scan
from models.ssm.layer import Scan
from models.ssm.orders import ALONG_TIME, named_orders

IN_TIME = (  # of its scanning blocks alone
    (r"^(TTE.*)\.mixer\.conv_gate\.", r"\1.op.conv2d_z."),
    *((f"^(TTE.*){pattern}", rf"\1{theirs}") for pattern, theirs in SCAN),
)


class STAMPose(Lifter):
    """2D keypoints (B, T, J, in_channels) to 3D joints (B, T, J, 3); T is at most `frames`.

    Raises InputError where `heads` do not divide the width. Source: the released `lib/model/STAMPose.py`.
    """

    layout = Layout(("model_pos",), (*RENAMED, *IN_TIME, *ATTENTION), RESHAPED, FRAMES)

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        heads: int = 4,
        drop_path: float = 0.2,
        in_channels: int = 2,
        joints: int = 17,
        d_state: int = 16,
        mlp_ratio: int = 2,
        backend: str = "auto",
    ) -> None:
        def make_time(drop: float) -> Block:
            return Block(width, TimeScan(width, d_state, backend), mlp_ratio, drop)

        super().__init__(
            frames, joints, in_channels, width, depth, drop_path, attention_block(width, heads, mlp_ratio), make_time
        )


class TimeScan(Scan):
    """Two scans over one sequence of all frames of joint 0, of joint 1, ..., beside a branch that is not scanned.

    The state goes on from joint to joint; the second scan walks each joint's frames backwards, the joints in the same
    order. Nothing is gated: what was scanned and what was not are projected together.
    """

    def __init__(self, width: int, d_state: int, backend: str) -> None:
        inner = 2 * width
        super().__init__(inner, math.ceil(width / 16), d_state, len(ALONG_TIME), backend)
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv, self.conv_gate = (nn.Conv2d(inner, inner, (3, 1), padding=(1, 0), groups=inner) for _ in range(2))
        self.norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(2 * inner, width, bias=False)
        self.initialise_scan()

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        scanned, beside = self.in_proj(x).permute(0, 3, 1, 2).chunk(2, 1)  # (B, inner, T, J)
        scanned, beside = (
            F.silu(conv(y)).permute(0, 2, 3, 1) for conv, y in ((self.conv, scanned), (self.conv_gate, beside))
        )
        tokens = scanned.flatten(1, 2).contiguous()  # (B, T J, inner)
        orders = named_orders(ALONG_TIME, x.shape[1], x.shape[2], x.device)
        y = selective_scan(*self.read(tokens, orders), backend=self.backend).view(scanned.shape)
        return self.out_proj(torch.cat((self.norm(y), beside), -1))
