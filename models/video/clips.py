"""What all video models share: a clip of frames goes in, the heatmaps of its middle frame come out.

Clips are (B, T, 3, H, W), RGB normalised with ImageNet's mean and deviation, T odd, the key frame in the middle.
Between encoder and head, features are laid out (B, T, h, w, width): a token is a row of neighbouring numbers.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from base.errors import InputError
from models.contract import PoseModel
from models.layout import Layout

POSETRACK, COCO = "posetrack", "coco"
HEATMAP, LIKELIHOOD = "heatmap", "likelihood"  # terms of losses (training/video_losses.py)
ANSWER = "answer"  # of a network, among what training compares


class ClipModel(PoseModel, ABC):
    """An encoder that sees each frame on its own, and whatever turns the frames' features into heatmaps.

    A frozen part has no gradient and stays in evaluation mode while the rest trains. The two steps may be taken apart,
    `decode(encode(...))`: the features of a frozen encoder need to be computed once only.

    encoder : images (N, 3, H, W) to what `features` makes features of
    layouts : how its authors and others keep its weights; none where it takes those of a ViTPose
    early : what stands for frames before a video's first: that one ("first"), or the "key" frame
    channels : whose joints come out: POSETRACK's, or COCO's, which has eyes where PoseTrack has neck and head top
    learns : terms of a loss that it can learn from (training/video_losses.py); pairs: whether from clips of two frames

    Raises InputError for an even number of frames.
    """

    kind = "video"
    emits = "centre"
    layouts: ClassVar[tuple[Layout, ...]] = ()
    early: ClassVar[str] = "first"
    learns: ClassVar[tuple[str, ...]] = (HEATMAP,)
    pairs: ClassVar[bool] = False
    channels: str = POSETRACK

    def __init__(
        self, frames: int, joints: int, encoder: nn.Module, image: tuple[int, int], freeze_encoder: bool
    ) -> None:
        super().__init__()
        if frames % 2 == 0:
            raise InputError(f"frames={frames}: a clip needs an odd number, the key frame is the middle one")
        self.frames, self.joints, self.image = frames, joints, image
        self.encoder = encoder
        self.frozen: list[nn.Module] = []
        if freeze_encoder:
            self.freeze(self.encoder)

    @property
    def example_shape(self) -> tuple[int, ...]:
        """(1, T, 3, H, W) of one clip."""
        return 1, self.frames, 3, *self.image

    def freeze(self, part: nn.Module) -> None:
        """Train this part no longer."""
        part.requires_grad_(False).eval()
        self.frozen.append(part)

    def train(self, mode: bool = True) -> "ClipModel":
        """As nn.Module.train, but frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def forward(self, clips: Tensor) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of the middle frames of clips (B, T, 3, H, W)."""
        self.check(clips)
        return self.decode(self.encoded(clips))

    def encoded(self, clips: Tensor) -> Tensor:
        """Encoded clips (B, T, C, ...): what `decode` reads of clips (B, T, 3, H, W)."""
        return self.encode(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])

    def check(self, clips: Tensor) -> None:
        """Raise InputError unless clips (B, T, 3, H, W) fit the network's `frames` and `image`."""
        name = type(self).__name__
        if clips.ndim != 5 or clips.shape[2] != 3:
            raise InputError(f"{name} takes clips (B, T, 3, H, W), not a tensor of shape {tuple(clips.shape)}")
        frames, size = clips.shape[1], tuple(clips.shape[3:])
        if frames != self.frames:
            raise InputError(f"{name} was built for {self.frames} frames, the clip has {frames}: set frames={frames}")
        if size != self.image:
            built, given = ("{}x{}".format(*s) for s in (self.image, size))
            remedy = "set image_height and image_width"
            raise InputError(f"{name} was built for {built} images, the clip has {given}: {remedy}")

    def encode(self, images: Tensor) -> Tensor:
        """`features` of images (N, 3, H, W); without gradient where the encoder is frozen."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.encoder not in self.frozen):
            return self.features(images)

    def features(self, images: Tensor) -> Tensor:
        """What `decode` reads of each image (N, 3, H, W): a ViT's features are (N, C, H/16, W/16)."""
        return self.encoder(images)

    @abstractmethod
    def decode(self, features: Tensor) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of encoded clips (B, T, C, ...)."""

    def compared(self, features: Tensor) -> dict[str, Tensor]:
        """What training compares, by name, of encoded clips (B, T, C, ...): the ANSWER, and parts that terms name."""
        return {ANSWER: self.decode(features)}


class Embedding(nn.Module):
    """A linear map of the features, where wanted, plus fixed sine-cosine places and learned times.

    Source: GLSMamba's embedding (docs/glsmamba.md, Parts).
    """

    def __init__(self, inputs: int, width: int, frames: int, grid: tuple[int, int], project: bool = True) -> None:
        super().__init__()
        self.project = nn.Linear(inputs, width) if project else None
        self.register_buffer("places", sine_cosine(*grid, width), persistent=False)
        self.times = nn.Parameter(torch.zeros(frames, width))
        nn.init.trunc_normal_(self.times, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, h, w, inputs) -> (B, T, h, w, width)."""
        x = x if self.project is None else self.project(x)
        return x + self.places + self.times[:, None, None]


def sine_cosine(height: int, width: int, channels: int) -> Tensor:
    """Fixed embedding (height, width, channels) of places: half of the channels for the row, half for the column.

    Each half is sines, then cosines, of wave lengths from 2 pi to 2 pi 10,000. Raises InputError unless 4 divides the
    channels.
    """
    if channels % 4:
        raise InputError(f"width={channels}: the position embedding needs a width divisible by 4")
    speeds = 1e4 ** -torch.arange(0, 1, 4 / channels)

    def waves(length: int) -> Tensor:
        angles = torch.arange(length)[:, None] * speeds
        return torch.cat([angles.sin(), angles.cos()], 1)  # (length, channels/2)

    rows, columns = waves(height)[:, None], waves(width)
    return torch.cat([rows.expand(-1, width, -1), columns.expand(height, -1, -1)], -1)


def deconvs(*widths: int) -> nn.Sequential:
    """ViTPose's classic decoder without its last layer: each step doubles the size (N, a, h, w) -> (N, b, 2h, 2w)."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        nn.init.normal_(layers[-3].weight, std=0.001)
    return nn.Sequential(*layers)


def last_layer(layer: nn.Module) -> nn.Module:
    """The same layer with the starting values of ViTPose's last one: heatmaps start near zero."""
    nn.init.normal_(layer.weight, std=0.001)
    nn.init.zeros_(layer.bias)
    return layer


def upsample(layers: nn.Module, features: Tensor) -> Tensor:
    """Deconvolve encoded clips frame by frame: (B, T, C, h, w) -> (B, T, H, W, C'), a token a row."""
    x = layers(features.flatten(0, 1)).unflatten(0, features.shape[:2])
    return x.permute(0, 1, 3, 4, 2).contiguous()


def doublings(grid: tuple[int, int], times: int) -> tuple[int, int]:
    """The grid after `times` deconvolutions."""
    return grid[0] * 2**times, grid[1] * 2**times


def low_resolution_head(width: int, hidden: int, joints: int) -> nn.Sequential:
    """(B, width, H/16, W/16) -> heatmaps (B, joints, H/4, W/4). Source: docs/glsmamba.md, TransLR."""
    return nn.Sequential(*deconvs(width, hidden), last_layer(nn.ConvTranspose2d(hidden, joints, 4, 2, 1)))
