"""Loss terms of networks on video. A recipe (studies/recipes.yaml) names them and their weights.

`heatmap` compares heatmaps, `likelihood` places and their deviations. A term such as `key-fused` compares two maps of
features that a network names (`ClipModel.compared`), as FAMI-Pose and TDMI do; in `key-answer` the maps become
heatmaps by HRNet's last layer first, and are compared with the network's own.
"""

import math
from collections.abc import Callable, Collection
from typing import NamedTuple

import torch
from torch import Tensor

from base.errors import InputError
from models.video.clips import ANSWER, HEATMAP, LIKELIHOOD, ClipModel

TEMPERATURE = 0.05  # of the softmax over the pixels of a map
NOT_DETACHED = ("useful-noise",)  # TDMI's term that trains both of its sides


class Truth(NamedTuple):
    """What a batch is to be answered with.

    heatmaps (B, J, h, w); weights (B, J) of joints in the loss, 0 where one is not known; places (B, J, 2) as fractions
    of the crop's width and height.
    """

    heatmaps: Tensor
    weights: Tensor
    places: Tensor


def check_terms(model: ClipModel, terms: Collection[str], pairs: bool = False) -> None:
    """Raise InputError for a term, or for pairs of frames, that the network cannot learn from."""
    name = type(model).__name__
    if strange := sorted(set(terms) - set(model.learns)):
        raise InputError(f"loss.{strange[0]}: {name} cannot learn from this; choose from {', '.join(model.learns)}")
    if pairs and not model.pairs:
        raise InputError(f"pairs: {name} does not learn from pairs of frames; choose a recipe without pairs")


def video_terms(model: ClipModel, features: Tensor, truth: Truth, terms: Collection[str]) -> dict[str, Tensor]:
    """The value of each term for encoded clips (B, T, ...)."""
    parts = {name: _whole(part) for name, part in model.compared(features).items()}

    def value(term: str) -> Tensor:
        if term == HEATMAP:
            return heatmap_loss(parts[ANSWER], truth.heatmaps, truth.weights)
        if term == LIKELIHOOD:
            places, deviations = parts["places"], parts["deviations"]
            return residual_likelihood(places, deviations, truth.places, truth.weights, model.flow.log_density)
        first, second = term.split("-")
        maps = model.encoder.final_layer(parts[first]) if second == ANSWER else parts[first]
        return divergence(maps, parts[second], detached=term not in NOT_DETACHED)

    return {term: value(term) for term in terms}


def heatmap_loss(heatmaps: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Squared difference of heatmaps (B, J, H, W), mean over joints and pixels, weighted by joint (B, J).

    Raises InputError for answers of another shape than the targets'.

    Source: GLSMamba's loss L_H; weights by joint are usual in this line of work (docs/glsmamba.md, Training).
    """
    if heatmaps.shape != targets.shape:
        given, wanted = (tuple(each.shape[1:]) for each in (heatmaps, targets))
        raise InputError(f"the network outputs {given}, the target heatmaps are {wanted}: no recipe can train it")
    return (weights * (heatmaps - targets).square().mean((2, 3))).mean()


def divergence(first: Tensor, second: Tensor, detached: bool = True) -> Tensor:
    """How maps (B, C, h, w) differ as FAMI-Pose has it: mean of q (log q - p) over all pixels.

    p and q are softmaxes over the pixels of each map, of the first and of the second. The released code hands in p
    where its function takes log p, so that this is no divergence. detached : train the second alone

    Source: FAMI-Pose's released code (docs/peers.md).
    """
    first = first.detach() if detached else first
    p = (first.flatten(2) / TEMPERATURE).softmax(-1)
    log_q = (second.flatten(2) / TEMPERATURE).log_softmax(-1)
    return (log_q.exp() * (log_q - p)).mean()


def residual_likelihood(
    places: Tensor,
    deviations: Tensor,
    targets: Tensor,
    weights: Tensor,
    log_density: Callable[[Tensor], Tensor],
) -> Tensor:
    """Negative log-likelihood of places (B, J, 2), summed over joints and both coordinates, a mean over the batch.

    deviations (B, J, 2) of places, targets (B, J, 2), weights (B, J)
    log_density : of errors (..., 2) in units of their deviations, learnt besides; it counts once for each coordinate

    Source: residual log-likelihood (Li et al., ICCV 2021), as DSTA has it (docs/peers.md).
    """
    off = places - targets
    learnt = deviations.log() - log_density(off / deviations)[..., None]
    plain = (deviations * math.sqrt(2 * math.pi)).log() + off.abs() / (math.sqrt(2) * deviations + 1e-9)
    return (weights[..., None] * (learnt + plain)).sum() / len(places)


def _whole(x: Tensor) -> Tensor:
    """In single precision at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
