"""What the scaling curves measure: networks that compete, and how large a clip gets.

`frames`: PoseMamba-S against stacks of attention of equal width and depth, by the frames of a clip of poses.
`tokens`: GLSMamba-B against the transformer that it is compared with (TransHR, full attention), by the tokens of five
frames at a quarter of the images' resolution: 960, 3,840 and 15,360 for images of 64x48, 128x96 and 256x192. So both
see the same images, and the last point is the paper's size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import models
from base.errors import InputError
from metrics.efficiency import predict_memory
from models.lifting.mixste import MixSTE
from studies.variants import variant
from training.losses import mpjpe

WORKS = ("inference", "training step")
# Heads: as many as the papers' lifting transformers have, and one, as wide as one of theirs.
STACKS = {"attention, 8 heads": 8, "attention, 1 head": 1}
SCORES_KEPT = "transformer, scores kept"
# Height of the images; they are three quarters as wide.
IMAGES = {960: 64, 3_840: 128, 15_360: 256}


@dataclass(frozen=True)
class Curve:
    """Contestants and what grows.

    size         name of what grows, and of its column
    contestants  the first is the one that the others are compared with, and the one with a scan
    build        contestant, size and scan backend -> model
    loss         of a training step, from the model's output
    fused        contestant -> whether its attention is fused, where memory is predicted; otherwise empty
    """

    size: str
    contestants: tuple[str, ...]
    build: Callable[[str, int, str], nn.Module]
    loss: Callable[[Tensor], Tensor]
    fused: dict[str, bool]


class TrainingStep(nn.Module):
    """A step of training as a module: its forward runs the model, the loss, the backward pass and AdamW.

    The learning rate is 0, so that every step does the same. Whoever measures may have switched gradients off; they are
    switched on again. Returns the loss.
    """

    def __init__(self, model: nn.Module, loss: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.loss = model, loss
        trained = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(trained, lr=0.0, fused=True)

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The model's."""
        return self.model.example_shape

    def forward(self, clips: Tensor) -> Tensor:
        """A batch of clips of the model's shape -> the loss ()."""
        with torch.inference_mode(False), torch.enable_grad():
            self.model.train()
            self.optimiser.zero_grad(set_to_none=True)
            loss = self.loss(self.model(clips))
            loss.backward()
            self.optimiser.step()
        return loss.detach()


class ScoresKept(nn.Module):
    """A model whose attention is spelled out: it writes the scores of all pairs of tokens, as unfused code does."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The model's."""
        return self.model.example_shape

    def forward(self, clips: Tensor) -> Tensor:
        """As the model's own."""
        with sdpa_kernel(SDPBackend.MATH):
            return self.model(clips)


def build(curve: str, contestant: str, work: str, size: int, backend: str = "auto") -> nn.Module:
    """A contestant of a curve at a size, as it is, or as a training step of it."""
    torch.manual_seed(0)
    model = CURVES[curve].build(contestant, size, backend)
    return TrainingStep(model, CURVES[curve].loss) if work == "training step" else model


def predicted_growth(curve: str, contestant: str, work: str, size: int, backend: str) -> int | None:
    """Bytes that a pass would take beyond the loaded model; None for a contestant whose memory is not predicted."""
    if contestant not in CURVES[curve].fused:
        return None
    with torch.device("meta"):
        model = CURVES[curve].build(contestant, size, backend)
        clip = torch.empty(model.example_shape)
    fused = CURVES[curve].fused[contestant]
    return predict_memory(model, clip, training=work == "training step", fused=fused).growth


def _lifting(contestant: str, frames: int, backend: str) -> nn.Module:
    """With PoseMamba-S's width and depth; no paths are dropped."""
    if contestant not in STACKS:
        return models.build("posemamba-s", frames=frames, drop_path=0.0, backend=backend)
    hyper = variant("posemamba-s").hyper
    return MixSTE(frames, hyper["width"], hyper["depth"], STACKS[contestant], drop_path=0.0)


def _video(contestant: str, tokens: int, backend: str) -> nn.Module:
    if tokens not in IMAGES:
        raise InputError(f"{tokens} tokens: only {', '.join(map(str, IMAGES))} tokens have images")
    height = IMAGES[tokens]
    image = {"image_height": height, "image_width": height * 3 // 4}
    if contestant == "GLSMamba":
        return models.build("glsmamba-b", backend=backend, **image)
    transformer = models.build("trans-hr", **image)
    return ScoresKept(transformer) if contestant == SCORES_KEPT else transformer


def _distance(poses: Tensor) -> Tensor:
    return mpjpe(poses, torch.zeros_like(poses))


def _squared_error(heatmaps: Tensor) -> Tensor:
    return heatmaps.square().mean()


ON_VIDEO = {"GLSMamba": True, "transformer, fused": True, SCORES_KEPT: False}
CURVES = {
    "frames": Curve("frames", ("PoseMamba-S", *STACKS), _lifting, _distance, {}),
    "tokens": Curve("tokens", tuple(ON_VIDEO), _video, _squared_error, ON_VIDEO),
}
