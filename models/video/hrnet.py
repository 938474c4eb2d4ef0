"""HRNet (Sun et al., CVPR 2019), which encodes frames for the peers on video, and the blocks that they share with it.

Parts have the names of the released code, so that its weights load as they are (`models.video.official`).
"""

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from base.reading import nearest
from models.layout import Layout
from models.video.clips import ClipModel

# Channels of the stem and of the branches, at 1/4, 1/8, 1/16 and 1/32 of the image, and modules of stages 2, 3 and 4.
SIZES = {
    "hrnet-w48": (64, (48, 96, 192, 384), (1, 4, 3)),
    "hrnet-tiny": (16, (8, 16, 32, 64), (1, 1, 1)),  # ours; HRNet's own stem would cost over four times the rest
}
BLOCKS = 4  # of a branch in a module
STEP = 32  # images are a whole number of them
BOTTLENECK = 4  # how much wider a bottleneck's output is
START = 0.001  # deviation of a convolution's first weights


class Resized(nn.Module):
    """Enlarges maps as `nn.Upsample` does, and is none, so that profilers do not see it."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, scale h, scale w)."""
        return F.interpolate(x, scale_factor=self.scale)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the input, which a 1x1 convolution fits to them where `projected`."""

    def __init__(self, inputs: int, outputs: int, projected: bool = False) -> None:
        super().__init__()
        self.conv1, self.bn1 = convolution(inputs, outputs)
        self.conv2, self.bn2 = convolution(outputs, outputs)
        self.downsample = nn.Sequential(*convolution(inputs, outputs, 1)) if projected else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, outputs, h, w)."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and the input; the output is four times as wide as what is between.

    stride : of the 3x3 convolution, as torchvision has it
    """

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        outputs = BOTTLENECK * width
        self.conv1, self.bn1 = convolution(inputs, width, 1)
        self.conv2, self.bn2 = convolution(width, width, 3, stride)
        self.conv3, self.bn3 = convolution(width, outputs, 1)
        fits = inputs == outputs and stride == 1
        self.downsample = None if fits else nn.Sequential(*convolution(inputs, outputs, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, 4 width, h/stride, w/stride)."""
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class Module(nn.Module):
    """Basic blocks on each branch, then every branch reads all others.

    emitted : so many of the branches come out
    layered : whether maps are enlarged by layers
    """

    def __init__(self, widths: Sequence[int], emitted: int, layered: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(BasicBlock(w, w) for _ in range(BLOCKS))) for w in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_fusion(widths, i, j, layered) for j in range(len(widths))) for i in range(emitted)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps of the branches (N, C_i, h/2^i, w/2^i), and the same of those that come out."""
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        rows = ([layer(x) for layer, x in zip(layers, maps, strict=True)] for layers in self.fuse_layers)
        return [F.relu(sum(row[1:], row[0])) for row in rows]


class HRNet(nn.Module):
    """Images (N, 3, H, W) to the heatmaps (N, joints, H/4, W/4), and the finest branch after each stage.

    size : one of SIZES
    layered : enlarge maps by layers, as HRNet's and PoseWarper's code does, not by a function, as others' do: it
        computes the same, and thop counts the layers

    Raises InputError for an unknown size. Source: docs/peers.md.
    """

    def __init__(self, size: str, joints: int, layered: bool = False) -> None:
        super().__init__()
        if size not in SIZES:
            raise InputError(f"unknown encoder {size!r}{nearest(size, SIZES)}: choose {', '.join(SIZES)}")
        stem, widths, stages = SIZES[size]
        wide = BOTTLENECK * stem
        self.width = widths[0]
        self.conv1, self.bn1 = convolution(3, stem, stride=2)
        self.conv2, self.bn2 = convolution(stem, stem, stride=2)
        self.layer1 = nn.Sequential(Bottleneck(stem, stem), *(Bottleneck(wide, stem) for _ in range(BLOCKS - 1)))
        # A branch begins as a smaller map of the one before it; the stem is none of the branches.
        self.transition1 = nn.ModuleList([_unit(wide, widths[0]), nn.Sequential(_unit(wide, widths[1], 2))])
        for k in (2, 3):
            begun = nn.Sequential(_unit(widths[k - 1], widths[k], 2))
            setattr(self, f"transition{k}", nn.ModuleList([*(nn.Identity() for _ in range(k)), begun]))
        for stage, modules in enumerate(stages, 2):
            emitted = [stage] * (modules - 1) + [1 if stage == 4 else stage]
            setattr(self, f"stage{stage}", nn.Sequential(*(Module(widths[:stage], e, layered) for e in emitted)))
        self.final_layer = nn.Conv2d(self.width, joints, 1)
        start(self)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(N, 3, H, W) -> heatmaps, and branch 0 (N, width, H/4, W/4) after transition 1 and stages 2, 3 and 4."""
        x = F.relu(self.bn1(self.conv1(images)))
        x = self.layer1(F.relu(self.bn2(self.conv2(x))))
        maps = [layer(x) for layer in self.transition1]
        finest = [maps[0]]
        for stage, transition in ((self.stage2, self.transition2), (self.stage3, self.transition3)):
            maps = stage(maps)
            finest.append(maps[0])
            maps = [layer(x) for layer, x in zip(transition, [*maps, maps[-1]], strict=True)]
        finest += self.stage4(maps)
        return self.final_layer(finest[-1]), finest


class HRNetModel(ClipModel):
    """A network on HRNet's maps of each frame, which is frozen while the rest trains.

    encoder : size of the HRNet (SIZES)
    encoder_norms : of a frozen HRNet while the rest trains: "train", as released, where the statistics of each batch
        are used and the running ones drift; or "eval"

    Raises InputError for an unknown size or switch, and for images that are no whole number of STEP pixels.
    """

    layered: ClassVar[bool] = False

    def __init__(
        self,
        frames: int,
        joints: int,
        encoder: str,
        image_height: int,
        image_width: int,
        freeze_encoder: bool,
        encoder_norms: str = "train",
    ) -> None:
        if image_height % STEP or image_width % STEP:
            raise InputError(f"image {image_height}x{image_width}: choose a height and width divisible by {STEP}")
        image = (image_height, image_width)
        super().__init__(frames, joints, HRNet(encoder, joints, self.layered), image, freeze_encoder)
        if encoder_norms not in ("train", "eval"):
            raise InputError(f"unknown encoder_norms {encoder_norms!r}: choose train or eval")
        self.encoder_norms = encoder_norms

    def train(self, mode: bool = True) -> "HRNetModel":
        """As ClipModel.train, and the norms of a frozen encoder train where the released code has them so."""
        super().train(mode)
        if mode and self.encoder in self.frozen and self.encoder_norms == "train":
            for layer in self.encoder.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.train()
        return self

    def features(self, images: Tensor) -> Tensor:
        """HRNet's heatmaps (N, J, H/4, W/4)."""
        return self.encoder(images)[0]


def convolution(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = False
) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A convolution that keeps the size, apart from its stride, and its norm."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias), nn.BatchNorm2d(outputs)


def chain(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    """Basic blocks; the first fits its input by a 1x1 convolution, even where it need not."""
    return nn.Sequential(BasicBlock(inputs, outputs, True), *(BasicBlock(outputs, outputs) for _ in range(blocks - 1)))


@torch.no_grad()
def start(network: nn.Module) -> None:
    """Give the convolutions the first weights of this line of work: near zero, without bias."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=START)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def hrnet_layout(prefix: str, *renamed: tuple[str, str | Callable[[re.Match], str]]) -> Layout:
    """A layout with HRNet's own names behind a prefix, and rules for the rest of the network."""
    return Layout(("state_dict",), (*renamed, (r"^encoder\.", prefix)))


# An HRNet by itself as its authors keep it, and as MMPose 1.x and 0.x do.
HRNET_ALONE = (
    hrnet_layout(""),
    *(
        hrnet_layout("backbone.", (r"^encoder\.final_layer\.", f"{head}.final_layer."))
        for head in ("head", "keypoint_head")
    ),
)


def _unit(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(*convolution(inputs, outputs, 3, stride), nn.ReLU())


def _fusion(widths: Sequence[int], i: int, j: int, layered: bool) -> nn.Module:
    """What makes branch j's map one that can be added to branch i's."""
    if j > i:
        enlarged = nn.Upsample(scale_factor=2 ** (j - i)) if layered else Resized(2 ** (j - i))
        return nn.Sequential(*convolution(widths[j], widths[i], 1), enlarged)
    halvings = [nn.Sequential(*_unit(widths[j], widths[j], 2)) for _ in range(i - j - 1)]
    last = [nn.Sequential(*convolution(widths[j], widths[i], 3, 2))] if j < i else []
    return nn.Sequential(*halvings, *last)
