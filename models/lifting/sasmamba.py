"""SasMamba: a structure-aware stride state space model (arXiv 2511.08872)."""

from models.layout import Layout
from models.lifting.deform import DeformableConv
from models.lifting.lifter import FRAMES, RENAMED, RESHAPED, SCAN, Lifter
from models.lifting.parts import Block
from models.lifting.scan import ScanOperator
from models.ssm.orders import stride_neighbours


class SasMamba(Lifter):
    """2D keypoints (B, T, J, in_channels) to 3D joints (B, T, J, 3).

    depth : pairs of blocks
    kernel : size of the deformable convolution, odd
    gradient : "released" or "exact" derivative of the stride terms (`models.lifting.scan.ScanOperator`)

    Raises InputError for unknown names and even kernels.
    """

    layout = Layout(("model_pos", "model"), RENAMED + SCAN, RESHAPED, FRAMES)

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        kernel: int = 3,
        gradient: str = "released",
        drop_path: float = 0.2,
        in_channels: int = 2,
        joints: int = 17,
        d_state: int = 16,
        mlp_ratio: int = 2,
        backend: str = "auto",
    ) -> None:
        def make_block(drop: float) -> Block:
            conv = DeformableConv(2 * width, kernel)
            neighbours = stride_neighbours(joints)
            operator = ScanOperator(width, conv, "bidirectional", neighbours, gradient, d_state, backend)
            return Block(width, operator, mlp_ratio, drop)

        super().__init__(frames, joints, in_channels, width, depth, drop_path, make_block)
