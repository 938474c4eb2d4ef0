"""What networks that scan video share: the scan, the gated block around it, and the network around the blocks.

Maps of features are (B, T, h, w, width), a token a row. What the scan reads is bare parameters; everything else is a
layer that is called, because conventions of counting tell the two apart.
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from models.ssm import selective_scan
from models.ssm.layer import Scan
from models.ssm.orders import pair_orders
from models.video.clips import ClipModel, Embedding, deconvs, doublings, last_layer, low_resolution_head, upsample
from models.video.vit import ViT

RESOLUTIONS = ("high", "low")


class VideoScan(Scan):
    """Selective scans of a video in pairs of directions, all pairs with the same weights.

    sets : 2 gives each direction of a pair its own weights, 1 lets both share them

    Source: GLSMamba's S6; paths 1 to 3 read set a, paths 4 to 6 set b (docs/glsmamba.md, STS6D).
    """

    def __init__(self, width: int, d_state: int = 16, sets: int = 2, backend: str = "auto") -> None:
        if sets not in (1, 2):
            raise InputError(f"scan_sets={sets}: give 2 (one for each direction of a pair) or 1 (shared by both)")
        super().__init__(width, math.ceil(width / 16), d_state, sets, backend)
        self.initialise_scan()

    def forward(self, x: Tensor, pairs: Sequence[str], window: tuple[int, int] = (8, 6)) -> list[Tensor]:
        """For each pair (`models.ssm.orders.VIDEO_PAIRS`) the sum of its two scans of x (B, T, h, w, width)."""
        # One projection serves all pairs: it looks at one token at a time, whatever the order.
        tokens, delta, A, B, C, D, bias, _, dt_proj = self.read(x.flatten(1, 3), None)
        delta, B, C = (each.expand(-1, 2, -1, -1) for each in (delta, B, C))  # (B, 2, L, ...)
        A, D, bias, dt_proj = (each.expand(2, *each.shape[1:]) for each in (A, D, bias, dt_proj))
        orders = (pair_orders(pair, tuple(x.shape[1:4]), window, x.device) for pair in pairs)
        scans = (selective_scan(tokens, delta, A, B, C, D, bias, o, dt_proj, backend=self.backend) for o in orders)
        return [y.view_as(x) for y in scans]


class PairScan(nn.Module):
    """One pair of directions and nothing else."""

    def __init__(self, scan: VideoScan, pair: str) -> None:
        super().__init__()
        self.scan, self.pair = scan, pair

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, h, w, width) -> (B, T, h, w, width)."""
        return self.scan(x, [self.pair])[0]


class GatedBlock(nn.Module):
    """A scan and a gate side by side, multiplied, then an MLP; both are residual.

    mixer : the scan (B, T, h, w, width) -> the same
    attention : weights of channels, applied before both streams
    attention_first : apply it before the norm instead of after
    output_norm : a norm on what the mixer gives

    Source: GLSMamba's GSM block (docs/glsmamba.md, Parts).
    """

    def __init__(
        self,
        width: int,
        mixer: nn.Module,
        mlp_ratio: int = 2,
        attention: nn.Module | None = None,
        attention_first: bool = False,
        output_norm: bool = True,
    ) -> None:
        super().__init__()
        self.attention_first = attention_first
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.attention = attention
        self.gate_conv, self.conv = depthwise(width), depthwise(width)
        self.gate_norm = nn.LayerNorm(width, eps=1e-6)
        self.mixer = mixer
        self.output_norm = nn.LayerNorm(width, eps=1e-6) if output_norm else None
        self.mlp_norm = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, mlp_ratio * width), nn.GELU(), nn.Linear(mlp_ratio * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, h, w, width) -> (B, T, h, w, width)."""
        u = self._attended(x)
        gate = F.silu(self.gate_norm(by_frame(self.gate_conv, u)))
        y = self.mixer(F.silu(by_frame(self.conv, u)))
        y = y if self.output_norm is None else self.output_norm(y)
        x = x + y * gate
        return x + self.mlp(self.mlp_norm(x))

    def _attended(self, x: Tensor) -> Tensor:
        if self.attention is None:
            return self.norm(x)
        if self.attention_first:
            return self.norm(x * self.attention(x))
        u = self.norm(x)
        return u * self.attention(u)


class ChannelAttention(nn.Module):
    """Weights of each frame's channels, from the means of all frames' channels over the image.

    Source: GLSMamba's sequential channel attention (docs/glsmamba.md, Parts).
    """

    def __init__(self, frames: int, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(frames * width, hidden)
        self.fc2 = nn.Linear(hidden, frames * width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, h, w, width) -> weights (B, T, 1, 1, width) between 0 and 1."""
        B, T, _, _, width = x.shape
        means = x.mean((2, 3)).flatten(1)  # (B, T width)
        return self.fc2(F.relu(self.fc1(means))).sigmoid().view(B, T, 1, 1, width)


class ScanNetwork(ClipModel):
    """Frozen encoder, deconvolutions, embedding, a row of blocks, and a head that fuses the frames.

    At the resolution "low" there are no deconvolutions before the blocks but two in the head.

    Source: GLSMamba (docs/glsmamba.md, Parts).
    """

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        frames: int,
        width: int,
        encoder: str,
        joints: int,
        resolution: str,
        deconv_width: int,
        freeze_deconv: bool,
        image_height: int,
        image_width: int,
    ) -> None:
        image = (image_height, image_width)
        super().__init__(frames, joints, ViT(encoder, *image), image, freeze_encoder=True)
        if resolution not in RESOLUTIONS:
            raise InputError(f"unknown resolution {resolution!r}: choose {' or '.join(RESOLUTIONS)}")
        low = resolution == "low"
        inputs = self.encoder.width if low else deconv_width
        self.deconvs = None if low else deconvs(self.encoder.width, deconv_width, deconv_width)
        if freeze_deconv and not low:
            self.freeze(self.deconvs)
        self.embedding = Embedding(inputs, width, frames, doublings(self.encoder.grid, 0 if low else 2))
        self.blocks = nn.ModuleList(blocks)
        self.fuse = nn.Linear(frames * width, width)
        self.head = low_resolution_head(width, deconv_width, joints) if low else last_layer(nn.Conv2d(width, joints, 1))

    def decode(self, features: Tensor) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of encoded clips (B, T, C, H/16, W/16)."""
        x = features.permute(0, 1, 3, 4, 2) if self.deconvs is None else upsample(self.deconvs, features)
        x = self.embedding(x)  # (B, T, h, w, width)
        for block in self.blocks:
            x = block(x)
        fused = self.fuse(x.permute(0, 2, 3, 1, 4).flatten(3))  # (B, h, w, width)
        return self.head(fused.permute(0, 3, 1, 2))


def depthwise(width: int) -> nn.Conv2d:
    """A 3x3 convolution of each channel by itself."""
    return nn.Conv2d(width, width, 3, padding=1, groups=width)


def by_frame(conv: nn.Module, x: Tensor) -> Tensor:
    """Convolve each frame: (B, T, h, w, a) -> (B, T, h, w, b)."""
    y = conv(x.flatten(0, 1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return y.unflatten(0, x.shape[:2]).contiguous()
