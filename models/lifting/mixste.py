"""MixSTE: attention over joints and frames in turn (Zhang et al., CVPR 2022, arXiv 2203.00859)."""

from models.layout import CAMERA, Layout
from models.lifting.lifter import ATTENTION, FRAMES, RENAMED, RESHAPED, Lifter
from models.lifting.parts import attention_block


class MixSTE(Lifter):
    """2D keypoints (B, T, J, in_channels) to 3D joints (B, T, J, 3); T is at most `frames`.

    It is PoseMamba with attention in place of the scans, and so also the yardstick for what those cost: a spatial
    block attends within each frame, which costs T J^2; a temporal block along each joint, which costs J T^2.
    Raises InputError where `heads` do not divide the width. Source: the released `common/model_cross.py`.
    """

    layout = Layout(("model_pos",), RENAMED + ATTENTION, RESHAPED, FRAMES, space=CAMERA)

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
        make_space, make_time = (attention_block(width, heads, mlp_ratio, over_frames) for over_frames in (False, True))
        super().__init__(frames, joints, in_channels, width, depth, drop_path, make_space, make_time)
