"""Loss terms of lifted poses. A recipe (studies/recipes.yaml) names the terms and their weights.

Both papers' code computes further terms (bone lengths, angles) with weight 0; they change nothing and are left out.
Poses are (B, T, J, 3): predicted and true, root-relative, in normalised image units.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from base.errors import InputError

# Weight of each H36M-17 joint in the temporal consistency term: limbs move more, so they are smoothed more
# (PoseMamba's released code; joints in the order of datasets/skeletons.py).
TEMPORAL_WEIGHT = (1, 1, 2.5, 2.5, 1, 2.5, 2.5, 1, 1, 1, 1.5, 1.5, 4, 4, 1.5, 4, 4)


def mpjpe(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean distance of joints. PoseMamba eq. 12 prints a sum; the released code takes the mean."""
    return (prediction - target).norm(dim=-1).mean()


def n_mpjpe(prediction: Tensor, target: Tensor) -> Tensor:
    """MPJPE after the best scale of each frame; the gradient flows through the scale.

    The term that PoseMamba calls "2D re-projection loss": the released code has no re-projection, but this.
    """
    scale = (target * prediction).sum(-1).mean(-1) / (prediction * prediction).sum(-1).mean(-1)  # (B, T)
    return mpjpe(scale[..., None, None] * prediction, target)


def velocity(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean distance of joint velocities (MPJVE as a loss); 0 for clips of one frame."""
    if prediction.shape[1] < 2:
        return prediction.new_zeros(())
    return (prediction.diff(dim=1) - target.diff(dim=1)).norm(dim=-1).mean()


def temporal_consistency(prediction: Tensor, target: Tensor) -> Tensor:
    """Weighted square of predicted joint velocities (TCLoss): it looks at the prediction only."""
    if prediction.shape[1] < 2:
        return prediction.new_zeros(())
    weight = prediction.new_tensor(TEMPORAL_WEIGHT)[:, None]  # (J, 1)
    return (weight * prediction.diff(dim=1).square()).mean()


TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mpjpe": mpjpe,
    "n_mpjpe": n_mpjpe,
    "velocity": velocity,
    "temporal_consistency": temporal_consistency,
}


def weighted_terms(weights: Mapping[str, float]) -> tuple[str, ...]:
    """Names of the terms that a recipe gives a weight.

    Raises InputError for a term that does not exist, or where no term has a weight.
    """
    if unknown := sorted(set(weights) - set(TERMS)):
        raise InputError(f"unknown loss term {unknown[0]!r}: use {', '.join(TERMS)}")
    if not any(weights.values()):
        raise InputError("every loss term of the recipe has weight 0: give one a weight")
    return tuple(name for name, weight in weights.items() if weight)


def weighted_loss(prediction: Tensor, target: Tensor, weights: Mapping[str, float]) -> tuple[Tensor, dict[str, float]]:
    """Weighted sum of the recipe's terms, and each term's own value. Raises InputError as `weighted_terms`."""
    terms = {name: TERMS[name](prediction, target) for name in weighted_terms(weights)}
    total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
    return total, {name: value.item() for name, value in terms.items()}
