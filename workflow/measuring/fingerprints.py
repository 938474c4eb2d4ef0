"""Fingerprints of networks and losses: what each computes, in a few numbers, to catch a change that trainings hide.

Besides, what training steps allocate, which is exact where the memory of a process scatters by a tenth.

    python -m workflow.measuring.fingerprints        # prints them

A network with fixed weights, drawn and kept in float64, reads a fixed clip. Kept are its output and the gradient at
its input, each projected on a fixed direction and divided by its length: numbers of size 1 that any other scan order,
any layer more or less, any other gradient would change, on any machine, far beyond rounding.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

import models
from base.errors import left_out
from metrics.efficiency import MEBIBYTE, predict_memory
from metrics.timing import on_threads
from models.video.clips import HEATMAP, LIKELIHOOD
from studies.recipes import Recipe, VideoRecipe, recipes
from studies.scales import QUICK, scale_named
from training.losses import weighted_loss
from training.optimiser import Optimiser
from training.video_losses import divergence, heatmap_loss, residual_likelihood
from workflow.measuring.meta import on_meta

NETWORK, LOSS, ALLOCATION = "network", "loss", "allocation"
KINDS = (NETWORK, LOSS, ALLOCATION)
ALLOCATING = ("posemamba-s", "sasmamba", "glsmamba-b")  # at full size
SHAKEN = 0.05  # of a weight: networks start with layers of zeros, behind which nothing would show


@dataclass(frozen=True)
class Fingerprint:
    """A row of fingerprints.csv; name: of a variant or, of a loss, of a recipe."""

    kind: str
    name: str
    metric: str
    value: float
    unit: str | None = None


def network_rows(hyper: Mapping[str, Mapping], lenient: bool = False) -> Iterator[Fingerprint]:
    """Fingerprints of variants with the hyper-parameters given by name (shrunken: `studies.scales.Scale.hyper_of_all`).

    lenient : leave out a variant that fails
    """
    for name, chosen in hyper.items():
        with left_out(f"the fingerprint of {name}", lenient):
            for metric, value in network_fingerprint(name, chosen).items():
                yield Fingerprint(NETWORK, name, metric, value)


def network_fingerprint(name: str, hyper: dict) -> dict[str, float]:
    """`output` and `input_gradient` of one variant; less what is zero throughout (the mean pose, before training)."""
    random = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    with _double():
        net = models.build(name, **hyper, **models.scan_arguments(name, "reference")).double().eval()
    _shake(net, random)
    clip = torch.randn(net.example_shape, generator=random, dtype=torch.float64).requires_grad_()
    output = net(clip)
    tensors = {"output": output}
    if output.requires_grad:
        weights = torch.randn(output.shape, generator=random, dtype=torch.float64)
        tensors["input_gradient"] = torch.autograd.grad(output, clip, weights, materialize_grads=True)[0]
    return {metric: _projection(x, random) for metric, x in tensors.items() if x.any()}


def loss_rows() -> Iterator[Fingerprint]:
    """The loss of every recipe for fixed predictions and targets."""
    for name, recipe in recipes().items():
        yield Fingerprint(LOSS, name, "loss", loss_fingerprint(recipe))


def loss_fingerprint(recipe: Recipe) -> float:
    """The recipe's loss of fixed poses (2, 9, 17, 3), or of fixed heatmaps (2, 15, 6, 4) and places for video."""
    random = torch.Generator().manual_seed(0)
    if isinstance(recipe, VideoRecipe):
        return sum(weight * _video_term(name, random) for name, weight in recipe.terms.items())
    prediction, target = (_uniform((2, 9, 17, 3), random) for _ in range(2))
    return float(weighted_loss(prediction, target, recipe.loss)[0])


def _video_term(name: str, random: torch.Generator) -> float:
    """A term of a loss of fixed heatmaps, maps of features, or places under a Gaussian."""
    maps, targets = (_uniform((2, 15, 6, 4), random) for _ in range(2))
    weights = _uniform((2, 15), random)
    if name == HEATMAP:
        return float(heatmap_loss(maps, targets, weights))
    if name == LIKELIHOOD:
        places = (_uniform((2, 15, 2), random) for _ in range(3))
        return float(residual_likelihood(*places, weights, lambda errors: -errors.square().sum(-1) / 2))
    return float(divergence(maps, targets))


def step_fingerprint(recipe: Recipe) -> float:
    """Where three steps of the recipe's optimiser, at its rate, lead fixed weights by fixed gradients."""
    random = torch.Generator().manual_seed(0)
    weights = nn.Parameter(_uniform((7, 5), random))
    optimiser = Optimiser([weights], recipe)
    for _ in range(3):
        weights.grad = _uniform((7, 5), random)
        optimiser.step(recipe.learning_rate)
    return _projection(weights, random)


def allocation_rows(lenient: bool = False) -> Iterator[Fingerprint]:
    """Bytes that tensors hold at most in a training step of one clip at full size, in MiB (`metrics.prediction`)."""
    for name in ALLOCATING:
        with left_out(f"the allocation of {name}", lenient):
            model, clip = on_meta(name, **models.scan_arguments(name, "cpu"))
            needed = predict_memory(model, clip, training=True, fused=False).total / MEBIBYTE
            yield Fingerprint(ALLOCATION, name, "training_memory", needed, "MiB")


def fingerprints(
    hyper: Mapping[str, Mapping], kinds: Sequence[str] = KINDS, lenient: bool = False
) -> list[Fingerprint]:
    """Those of some kinds; hyper, lenient: as of `network_rows`."""
    makers = {
        NETWORK: lambda: network_rows(hyper, lenient),
        LOSS: loss_rows,
        ALLOCATION: lambda: allocation_rows(lenient),
    }
    with on_threads(1):  # tensors are small: more would wait for each other, above all on a busy machine
        return [row for kind in KINDS if kind in kinds for row in makers[kind]()]


@contextmanager
def _double() -> Iterator[None]:
    """Modules made here draw their weights in float64: PyTorch's float32 draws depend on the processor's vectors."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _shake(net: nn.Module, random: torch.Generator) -> None:
    """Move every weight a little."""
    with torch.no_grad():
        for weight in net.parameters():
            weight += SHAKEN * torch.randn(weight.shape, generator=random, dtype=torch.float64)


def _projection(x: Tensor, random: torch.Generator) -> float:
    """x on a fixed direction, divided by its own length."""
    x = x.detach()
    direction = torch.randn(x.shape, generator=random, dtype=torch.float64)
    return float((x * direction).sum() / x.norm())


def _uniform(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=random, dtype=torch.float64)


if __name__ == "__main__":
    pd.DataFrame(fingerprints(scale_named(QUICK).hyper_of_all())).to_csv(sys.stdout, index=False)
