"""Gradients that say something: of which weights does a network's loss depend on, and of which not at all?

A weight that is constant by the mathematics (a bias that every logit of a softmax gets alike) has a gradient of 0, but
arithmetic leaves rounding there: it is not 0, and means nothing. So a gradient counts where single precision finds it
again; of rounding it finds another.
"""

import copy

import torch
from torch import Tensor, nn

NOISE = 0.1  # of a gradient; real ones move by 0.004 at most, rounding by more than 10^6


def silent(net: nn.Module, clips: Tensor) -> set[str]:
    """Names of the trainable weights on which the answers of a float64 network do not depend."""
    double, single = _gradients(net, clips), _gradients(copy.deepcopy(net).float(), clips.float())
    return {name for name, exact in double.items() if (single[name] - exact).norm() >= NOISE * exact.norm()}


def answers(net: nn.Module, clips: Tensor) -> Tensor:
    """All that the network learns from."""
    return torch.cat([output.flatten() for output in net.outputs(clips)])


def _gradients(net: nn.Module, clips: Tensor) -> dict[str, Tensor]:
    """In float64, of a loss that weighs the answers unevenly; 0 where there is none."""
    output = answers(net, clips)
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    named = {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
    found = torch.autograd.grad((output * weights).sum(), named.values(), materialize_grads=True, allow_unused=True)
    return {name: gradient.double() for name, gradient in zip(named, found, strict=True)}
