"""One way to register an operator with torch.library: its derivative, its fake tensors, its operations, its refusals.

So autograd, fake tensors (meta device, torch.compile, export) and FLOP counters see it. A native kernel has a
derivative of its own and no second one. PyTorch would lose what is not there without a word: a missing autograd formula
gives None, a missing forward-mode formula zeros. So each operator says that it is missing.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils.flop_counter import register_flop_formula

NAMESPACE = "ssmpose"


def register(
    name: str,
    inputs: type[NamedTuple],
    forward: Callable,
    backward: Callable,
    fake: Callable,
    operations: Callable[..., int],
) -> None:
    """Register the operator `ssmpose::name`, and `ssmpose::name_backward`, for every device.

    `torch.library.custom_op` does the same, but calls cost more, and the first one imports torch's compiler (a second).

    inputs : the tensors that both read, in their order; some may be None
    forward(*inputs, *settings) : the output, or with what it keeps for `backward`: (output, *kept)
    backward(grad, *inputs, *kept, *settings) : a gradient for each of the inputs, made with `or_empty`
    fake : as `forward`, on tensors that have shapes alone
    operations : of shapes, two a multiply-accumulate; those of `backward` are twice as many, as torch counts products
    """
    own, differential = f"{NAMESPACE}::{name}", f"{NAMESPACE}::{name}_backward"
    for operator, function in ((own, forward), (differential, backward)):
        torch.library.define(operator, torch.library.infer_schema(function, mutates_args=()))
        torch.library.impl(operator, "default", function)
    count = len(inputs._fields)

    def fake_backward(grad: Tensor, *arguments: object) -> tuple[Tensor, ...]:
        # There is no gradient of indices.
        given = (x if x is not None and x.is_floating_point() else None for x in arguments[:count])
        return or_empty([x if x is None else x.new_empty(x.shape) for x in given], grad)

    torch.library.register_fake(own, fake)
    torch.library.register_fake(differential, fake_backward)
    torch.library.register_autograd(own, _differentiation(name, count), setup_context=_keep(count))
    torch.library.register_autograd(differential, _refusal(name))
    register_flop_formula(_packet(name))(operations)
    register_flop_formula(_packet(f"{name}_backward"))(lambda grad, *shapes, **_: 2 * operations(*shapes))


def or_empty(tensors: Sequence[Tensor | None], like: Tensor) -> tuple[Tensor, ...]:
    """The same, with an empty tensor in place of None, which an operator cannot return."""
    return tuple(like.new_empty(0) if tensor is None else tensor for tensor in tensors)


def _packet(name: str) -> torch._ops.OpOverloadPacket:
    return getattr(getattr(torch.ops, NAMESPACE), name)


def _keep(count: int) -> Callable:
    """What keeps the inputs and what the kernel keeps, and nothing else: all that lies between is computed again."""

    def keep(ctx, inputs, output) -> None:
        kept = output[1:] if isinstance(output, tuple) else ()
        ctx.settings = inputs[count:]
        ctx.save_for_backward(*inputs[:count], *kept)
        ctx.mark_non_differentiable(*kept)
        ctx.set_materialize_grads(False)  # or zeros as large as what is kept would be made for its gradient

    return keep


def _differentiation(name: str, count: int) -> Callable:
    def differentiate(ctx, grad, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        none = (None,) * len(ctx.settings)
        if grad is None:  # nothing depends on the output
            return (None,) * count + none
        gradients = _packet(f"{name}_backward")(grad.contiguous(), *ctx.saved_tensors, *ctx.settings)
        wanted = ctx.needs_input_grad[:count]
        return tuple(g if w else None for g, w in zip(gradients, wanted, strict=True)) + none

    return differentiate


def _refusal(name: str) -> Callable:
    """Lets whoever differentiates a backward pass (second derivatives) get one clear NotImplementedError."""

    def refuse(ctx, *grads: Tensor) -> None:
        raise NotImplementedError(
            f"{name} can be differentiated once, not twice: leave its gradient out of what is differentiated again "
            "(create_graph=True made that possible)"
        )

    return refuse


def refuse_forward_mode(name: str, *tensors: Tensor | None) -> None:
    """Raises NotImplementedError where one of the tensors carries a tangent (torch.func.jvp, jacfwd, hessian)."""
    if forward_ad._current_level < 0:  # nothing carries one: `unpack_dual` begins so too, at a microsecond a tensor
        return
    if any(t is not None and forward_ad.unpack_dual(t).tangent is not None for t in tensors):
        raise NotImplementedError(
            f"{name} has no forward-mode derivative (jvp, jacfwd, hessian): use backward() or torch.autograd.grad"
        )
