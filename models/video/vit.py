"""The plain vision transformer that encodes a frame (ViTPose, Xu et al., NeurIPS 2022).

Sizes and layers are ViTPose's own, so that its official weights load (`models.video.official`).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from base.reading import nearest
from models.arguments import check_heads
from models.residual import Residual

PATCH = 16
# Width, layers, heads. `tiny` is ours, for networks that train in minutes on a CPU.
SIZES = {"tiny": (128, 4, 4), "s": (384, 12, 12), "b": (768, 12, 12), "l": (1024, 24, 16), "h": (1280, 32, 16)}


class ViT(nn.Module):
    """Images to a map of features at 1/16 of their size.

    size : one of SIZES

    Row 0 of `pos_embed` is that of the class token, which ViTPose adds to the place of every patch. Raises InputError
    for an unknown size and for images that are no whole number of patches.
    """

    def __init__(self, size: str, image_height: int, image_width: int) -> None:
        super().__init__()
        if size not in SIZES:
            raise InputError(f"unknown encoder {size!r}{nearest(size, SIZES)}")
        if image_height % PATCH or image_width % PATCH:
            raise InputError(f"image {image_height}x{image_width}: choose a height and width divisible by {PATCH}")
        self.size = size
        self.width, layers, heads = SIZES[size]
        self.grid = (image_height // PATCH, image_width // PATCH)
        self.patch_embed = nn.Conv2d(3, self.width, PATCH, stride=PATCH, padding=2)
        self.pos_embed = nn.Parameter(torch.zeros(1 + self.grid[0] * self.grid[1], self.width))
        self.blocks = nn.ModuleList(EncoderBlock(self.width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(self.width, eps=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, width, H/16, W/16)."""
        x = self.patch_embed(images).flatten(2).transpose(1, 2)  # (N, H/16 W/16, width)
        x = x + self.pos_embed[1:] + self.pos_embed[:1]
        for block in self.blocks:
            x = block(x)
        return self.norm(x).transpose(1, 2).unflatten(2, self.grid)


class EncoderBlock(Residual):
    """x + attention(norm(x)), then x + MLP(norm(x)), the MLP `ratio` times as wide; drop_path : of Residual."""

    def __init__(self, width: int, heads: int, ratio: int = 4, drop_path: float = 0.0) -> None:
        super().__init__(drop_path)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, width) -> (N, L, width)."""
        x = x + self.drop(self.attn(self.norm1(x)))
        return x + self.drop(self.mlp(self.norm2(x)))


class Attention(nn.Module):
    """Every token attends to every other, in `heads` groups of channels.

    Raises InputError where `heads` do not divide the width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, width) -> (N, L, width)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # (N, L, 3, heads, width/heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).flatten(2))


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear):
        nn.init.trunc_normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.bias)
