"""What is wrong with a training's numbers: each check answers in a few words, or with none where all are finite."""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from base.errors import InputError


class Diverged(InputError):  # noqa: N818 (what happened, like KeyboardInterrupt)
    """A training met a number that is NaN or infinite. The message says in which step, and what may help."""


def loss_fault(losses: Mapping[str, float]) -> str:
    """losses: `loss`, which is trained on, and its terms, by name."""
    if all(map(math.isfinite, losses.values())):
        return ""
    terms = ", ".join(f"{name} {value:.3g}" for name, value in losses.items() if name != "loss")
    return f"the loss is {losses['loss']:.3g} ({terms})"


def gradient_fault(gradients: Iterable[Tensor | None]) -> str:
    """Looks at the norm of all gradients together; None stands for a weight without one."""
    norm = get_total_norm([gradient for gradient in gradients if gradient is not None]).item()
    return "" if math.isfinite(norm) else f"the norm of the gradient is {norm} while the loss is finite"


def tensor_fault(tensors: Mapping[str, Tensor]) -> str:
    """Names the first of some tensors (weights, statistics of norms) that is not finite throughout."""
    broken = (name for name, tensor in tensors.items() if not torch.isfinite(tensor).all())
    return next((f"{name} is NaN or infinite" for name in broken), "")
