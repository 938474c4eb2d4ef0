"""What the operators registered with torch.library share: how they are registered, and which derivatives they refuse.

A native kernel has a derivative of its own and no second one. PyTorch would lose what is not there without a word: a
missing autograd formula gives None, a missing forward-mode formula zeros. So each operator says that it is missing.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

NAMESPACE = "ssmpose"


def operator(name: str) -> Callable[[Callable], Callable]:
    """Register a function as the operator `ssmpose::name` for every device.

    `torch.library.custom_op` does the same, but calls cost more, and the first one imports torch's compiler (a second).
    """

    def register(function: Callable) -> Callable:
        torch.library.define(f"{NAMESPACE}::{name}", torch.library.infer_schema(function, mutates_args=()))
        torch.library.impl(f"{NAMESPACE}::{name}", "default", function)
        return function

    return register


def no_derivative_of(name: str) -> None:
    """Let whoever differentiates `ssmpose::name`_backward (second derivatives) get one clear NotImplementedError."""

    def refuse(ctx, *grads: Tensor) -> None:
        raise NotImplementedError(
            f"{name} can be differentiated once, not twice: leave its gradient out of what is differentiated again "
            "(create_graph=True made that possible)"
        )

    torch.library.register_autograd(f"{NAMESPACE}::{name}_backward", refuse)


def refuse_forward_mode(name: str, *tensors: Tensor | None) -> None:
    """Raises NotImplementedError where one of the tensors carries a tangent (torch.func.jvp, jacfwd, hessian)."""
    if any(t is not None and forward_ad.unpack_dual(t).tangent is not None for t in tensors):
        raise NotImplementedError(
            f"{name} has no forward-mode derivative (jvp, jacfwd, hessian): use backward() or torch.autograd.grad"
        )
