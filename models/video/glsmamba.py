"""GLSMamba: global-local state space models for video poses (ICCV 2025, arXiv 2510.11017).

No code of it is public. This is a reconstruction from notes on the paper and from its tables: docs/glsmamba.md
says what is stated and what is inferred. What is inferred can be switched.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.ssm.orders import pair_orders
from models.video.blocks import ChannelAttention, GatedBlock, ScanNetwork, VideoScan, by_frame, depthwise
from models.video.deform import GroupedDeformableConv

FOURTH_PATHS = {"columns": "unified", "reverse": "unified-reverse"}
ATTENTIONS = ("after-norm", "before-norm", "none")


class GLSMamba(ScanNetwork):
    """Clips (B, T, 3, H, W) to the heatmaps (B, J, H/4, W/4) of their middle frame.

    width : channels D of the blocks; also the hidden width of the channel attention
    encoder : size of the frozen ViT (`models.video.vit.SIZES`)
    global_blocks, local_blocks : numbers of GSM and of LRM blocks
    resolution : "high", blocks at 1/4 of the image; or "low", at 1/16, and the head upsamples (GLSMamba-BLR)
    spatial_scan, temporal_scan : scan pairs besides the unified one
    stmm : merge pairs by deformable convolutions; otherwise they are summed
    path4 : the fourth path, "columns" of the panorama, or the "reverse" of the first
    channel_attention : "after-norm", "before-norm" or "none"
    offsets : what makes the offsets of the deformable convolutions (`Modulator`)
    kernel_start, deform_groups : start ("identity" or "kaiming") and groups of the deformable kernels
    window_height, window_width : of the local scan, in cells
    carry_state : let the local scan's state pass from window to window; otherwise each starts from zero
    freeze_deconv : train the deconvolutions no more than the encoder
    deconv_width : channels of the deconvolutions
    scan_sets : sets of scan weights a block, one for each direction of a pair (2), or one for both (1)
    output_norm : a norm on what the scan gives

    Raises InputError for unknown names and sizes that do not fit together.
    """

    def __init__(
        self,
        frames: int = 5,
        width: int = 256,
        encoder: str = "b",
        joints: int = 15,
        global_blocks: int = 4,
        local_blocks: int = 2,
        resolution: str = "high",
        spatial_scan: bool = True,
        temporal_scan: bool = True,
        stmm: bool = True,
        path4: str = "columns",
        channel_attention: str = "after-norm",
        offsets: str = "separable",
        window_height: int = 8,
        window_width: int = 6,
        carry_state: bool = True,
        freeze_deconv: bool = False,
        deconv_width: int = 256,
        kernel_start: str = "identity",
        deform_groups: int = 8,
        scan_sets: int = 2,
        d_state: int = 16,
        mlp_ratio: int = 2,
        output_norm: bool = True,
        image_height: int = 256,
        image_width: int = 192,
        backend: str = "auto",
    ) -> None:
        if path4 not in FOURTH_PATHS:
            raise InputError(f"unknown path4 {path4!r}: choose {' or '.join(FOURTH_PATHS)}")
        if channel_attention not in ATTENTIONS:
            raise InputError(f"unknown channel_attention {channel_attention!r}: choose {', '.join(ATTENTIONS)}")
        pairs = [FOURTH_PATHS[path4]] + ["spatial"] * spatial_scan + ["temporal"] * temporal_scan

        def global_block() -> GatedBlock:
            scan = VideoScan(width, d_state, scan_sets, backend)
            modulators = [Modulator(width, offsets, kernel_start, deform_groups) for _ in pairs[1:]] if stmm else None
            attention = None if channel_attention == "none" else ChannelAttention(frames, width, width)
            mixer, first = GlobalScan(scan, pairs, modulators), channel_attention == "before-norm"
            return GatedBlock(width, mixer, mlp_ratio, attention, first, output_norm)

        def local_block() -> GatedBlock:
            scan = VideoScan(width, d_state, scan_sets, backend)
            mixer = WindowScan(scan, (window_height, window_width), carry_state)
            return GatedBlock(width, mixer, mlp_ratio, output_norm=output_norm)

        blocks = [global_block() for _ in range(global_blocks)] + [local_block() for _ in range(local_blocks)]
        size = {"image_height": image_height, "image_width": image_width}
        super().__init__(blocks, frames, width, encoder, joints, resolution, deconv_width, freeze_deconv, **size)


class GlobalScan(nn.Module):
    """STS6D and STMM: scans of the whole clip in up to three pairs, merged into one map.

    pairs : the unified pair first; `modulators` : one for each pair after it, or None to sum the pairs

    Source: GLSMamba's STS6D and STMM (docs/glsmamba.md).
    """

    def __init__(self, scan: VideoScan, pairs: list[str], modulators: list[nn.Module] | None) -> None:
        super().__init__()
        self.scan, self.pairs = scan, pairs
        self.modulators = None if modulators is None else nn.ModuleList(modulators)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, h, w, width) -> (B, T, h, w, width)."""
        unified, *others = self.scan(x, self.pairs)
        if self.modulators is not None:
            others = [modulate(y, unified) for modulate, y in zip(self.modulators, others, strict=True)]
        return sum(others, unified)


class Modulator(nn.Module):
    """A deformable convolution of one pair's scan; that scan and the unified one say where it reads.

    offsets : "separable": depthwise 3x3, norm, GELU and 1x1 on the sum of both, two groups of offsets; "bottleneck":
        1x1 to 16 channels on both side by side, then 3x3, which makes one group of offsets and masks. Both start
        without offsets. They cost nearly the same, and the paper's tables do not tell them apart.

    Raises InputError for another name. Source: docs/glsmamba.md, STMM.
    """

    def __init__(self, width: int, offsets: str = "separable", start: str = "identity", groups: int = 8) -> None:
        super().__init__()
        if offsets == "separable":
            self.deform = GroupedDeformableConv(width, groups, start=start)
            self.conv, self.norm = depthwise(width), nn.LayerNorm(width, eps=1e-6)
            self.last = nn.Linear(width, self.deform.controls)
        elif offsets == "bottleneck":
            self.deform = GroupedDeformableConv(width, groups, offset_groups=1, modulated=True, start=start)
            self.conv, self.norm = nn.Conv2d(2 * width, 16, 1), None
            self.last = nn.Conv2d(16, self.deform.controls, 3, padding=1)
        else:
            raise InputError(f"unknown offsets {offsets!r}: choose separable or bottleneck")
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, y: Tensor, unified: Tensor) -> Tensor:
        """Two maps (B, T, h, w, width) -> one."""
        if self.norm is not None:
            controls = self.last(F.gelu(self.norm(by_frame(self.conv, unified + y))))
        else:
            controls = by_frame(self.last, by_frame(self.conv, torch.cat([unified, y], -1)))
        return self.deform(y.flatten(0, 1), controls.flatten(0, 1)).view_as(y)


class WindowScan(nn.Module):
    """A scan of the clip window after window, there and back.

    Raises InputError for an empty window, and where windows that start from zero do not fill the map. Source:
    GLSMamba's windowed scan (docs/glsmamba.md, Parts).
    """

    def __init__(self, scan: VideoScan, window: tuple[int, int], carry_state: bool) -> None:
        super().__init__()
        pair_orders("windowed", (1, 1, 1), window)  # an empty window stops here, not in the first batch
        self.scan, self.window, self.carry_state = scan, window, carry_state

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, h, w, width) -> (B, T, h, w, width)."""
        if self.carry_state:
            return self.scan(x, ["windowed"], self.window)[0]
        (B, T, h, w, width), (rows, columns) = x.shape, self.window
        if h % rows or w % columns:
            raise InputError(f"windows of {rows}x{columns} do not fill {h}x{w} cells: set window_height, window_width")
        tubes = x.view(B, T, h // rows, rows, w // columns, columns, width).permute(0, 2, 4, 1, 3, 5, 6)
        y = self.scan(tubes.reshape(-1, T, rows, columns, width), ["spatial"])[0]
        return y.view(tubes.shape).permute(0, 3, 1, 4, 2, 5, 6).reshape(x.shape)
