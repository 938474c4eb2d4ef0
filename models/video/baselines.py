"""A plain way to scan video, as VideoMamba does (Li et al., ECCV 2024)."""

from models.video.blocks import GatedBlock, PairScan, ScanNetwork, VideoScan


class PerFrameMamba(ScanNetwork):
    """GLSMamba's network with another scan: frame after frame, row by row, there and back, in every block.

    Tokens of a pixel at neighbouring times lie a whole frame apart in the sequence. There is no channel attention, no
    window, no deformable merging, so that the scan is what a comparison sees. Arguments as of
    `models.video.glsmamba.GLSMamba`; depth : blocks.
    """

    def __init__(
        self,
        frames: int = 5,
        width: int = 256,
        depth: int = 6,
        encoder: str = "b",
        joints: int = 15,
        resolution: str = "high",
        freeze_deconv: bool = False,
        deconv_width: int = 256,
        d_state: int = 16,
        mlp_ratio: int = 2,
        image_height: int = 256,
        image_width: int = 192,
        backend: str = "auto",
    ) -> None:
        def block() -> GatedBlock:
            return GatedBlock(width, PairScan(VideoScan(width, d_state, backend=backend), "per-frame"), mlp_ratio)

        blocks = [block() for _ in range(depth)]
        size = {"image_height": image_height, "image_width": image_width}
        super().__init__(blocks, frames, width, encoder, joints, resolution, deconv_width, freeze_deconv, **size)
