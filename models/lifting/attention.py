"""A yardstick for what PoseMamba costs: the same network with attention in place of its scans."""

from torch import Tensor, nn
from torch.nn import functional as F

from models.lifting.blocks import Block, Lifter
from studies.errors import InputError


class AttentionStack(Lifter):
    """2D keypoints (B, T, J, in_channels) to 3D joints (B, T, J, 3) by attention over joints and frames in turn.

    Width, depth, residuals, norms, MLPs and positional tables are PoseMamba's. A spatial block attends within each
    frame, which costs T J^2; a temporal block along each joint, which costs J T^2 (the pattern of MixSTE, arXiv
    2203.00859, and of MotionBERT, arXiv 2210.06551). Raises InputError where `heads` do not divide the width.
    """

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        heads: int = 8,
        drop_path: float = 0.2,
        in_channels: int = 2,
        joints: int = 17,
        mlp_ratio: int = 2,
    ) -> None:
        def make_block(drop: float) -> Block:
            return Block(width, Attention(width, heads), mlp_ratio, drop)

        super().__init__(frames, joints, in_channels, width, depth, drop_path, make_block)
        for block in self.time_blocks:
            block.scan.over_frames = True


class Attention(nn.Module):
    """Multi-head self-attention of the joints of each frame, or with `over_frames` of the frames of each joint.

    Uses torch's `scaled_dot_product_attention`, whose fused kernel never writes the weights to memory.
    """

    def __init__(self, width: int, heads: int, over_frames: bool = False) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"heads={heads} do not divide width={width}: choose a divisor")
        self.heads, self.over_frames = heads, over_frames
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        x = x.transpose(1, 2) if self.over_frames else x  # (B, sequences, tokens, width)
        heads = self.qkv(x).flatten(0, 1).unflatten(-1, (3, self.heads, -1))  # fused on a CPU only with one batch axis
        q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)  # (B sequences, heads, tokens, width / heads)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        y = self.out(y).unflatten(0, x.shape[:2])
        return y.transpose(1, 2) if self.over_frames else y
