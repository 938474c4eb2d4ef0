"""PoseMamba: a bidirectional global-local spatio-temporal state space model (Huang et al., AAAI 2025)."""

from torch import nn

from base.errors import InputError
from models.layout import Layout
from models.lifting.lifter import FRAMES, RENAMED, RESHAPED, SCAN, Lifter
from models.lifting.parts import Block
from models.lifting.scan import ScanOperator
from models.ssm.orders import LIMB_NEIGHBOURS


class PoseMamba(Lifter):
    """2D keypoints (B, T, J, in_channels) to 3D joints (B, T, J, 3).

    depth : pairs of blocks; the paper's layers N are twice that
    scan : "global-local" (released), "bidirectional", "fs-ft", "fs-bt", "bs-ft" or "bs-bt" (Table 4)
    gradient : "released" or "exact" derivative of the limb term (`models.lifting.scan.ScanOperator`)

    Raises InputError for unknown names, and for the limb scan of another skeleton than Human3.6M's 17 joints.
    """

    layout = Layout(("model_pos", "model"), RENAMED + SCAN, RESHAPED, FRAMES)

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        scan: str = "global-local",
        gradient: str = "released",
        drop_path: float = 0.2,
        in_channels: int = 2,
        joints: int = 17,
        d_state: int = 16,
        mlp_ratio: int = 2,
        backend: str = "auto",
    ) -> None:
        neighbours = (LIMB_NEIGHBOURS,) if scan == "global-local" else ()
        if neighbours and joints != len(LIMB_NEIGHBOURS):
            raise InputError(f"scan=global-local needs 17 joints (its limbs), not {joints}: use scan=bidirectional")

        def make_block(drop: float) -> Block:
            conv = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
            operator = ScanOperator(width, conv, scan, neighbours, gradient, d_state, backend)
            return Block(width, operator, mlp_ratio, drop)

        super().__init__(frames, joints, in_channels, width, depth, drop_path, make_block)
