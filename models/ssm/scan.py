"""The selective scan as one PyTorch operator, `ssmpose::selective_scan`.

Registered with torch.library: autograd, fake tensors (meta device, torch.compile, export) and FLOP counters see it.
"""

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from models.ssm.backends import backend as find_backend
from models.ssm.backends import resolve


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    delta_bias: Tensor | None = None,
    orders: Tensor | None = None,
    *,
    delta_softplus: bool = True,
    backend: str = "auto",
) -> Tensor:
    """Scan tokens in K directions, each with its own parameters, and add the outputs up where the tokens were read.

    For direction k, visiting tokens s_0 .. s_(L-1) in the order orders[k], per channel c with h_0 = 0:

        h_l[c, :] = exp(delta_l[c] A[c, :]) h_(l-1)[c, :] + delta_l[c] B_l s_l[c]
        y_l[c]    = <C_l, h_l[c, :]> + D[c] s_l[c]

    (Mamba, arXiv 2312.00752, algorithm 2; in four directions, PoseMamba's equation 8.)

    Parameters
    ----------
    u : (batch, L, E) tokens in grid order, shared by all directions
    delta : (batch, K, L, E) step sizes in grid order, before bias and softplus
    A : (K, E, N), negative
    B, C : (batch, K, L, N) in grid order
    D, delta_bias : (K, E) or None
    orders : (K, L) int64, each row a permutation: orders[k, l] is the token that direction k visits at step l; None
        means 0 .. L-1 for each
    delta_softplus : apply softplus (the identity above 20) to delta + delta_bias
    backend : `auto`, `reference` or `cpu`; `auto` obeys the environment variable SSMPOSE_BACKEND

    Returns
    -------
    y : (batch, L, E)

    Raises InputError for an unknown or unavailable backend, ValueError for shapes that do not belong together and (on a
    CPU, where looking costs little) for orders that are no permutations.
    """
    _check_shapes(u, delta, A, B, C, D, delta_bias, orders)
    name = resolve(backend, u.device.type, u.dtype)
    return torch.ops.ssmpose.selective_scan(u, delta, A, B, C, D, delta_bias, orders, delta_softplus, name)


def _check_shapes(u, delta, A, B, C, D, delta_bias, orders) -> None:
    if u.ndim != 3 or A.ndim != 3:
        raise ValueError(f"selective_scan: u must be (batch, L, E) and A (K, E, N), not {u.shape} and {A.shape}")
    (batch, L, E), (K, _, N) = u.shape, A.shape
    given = {"delta": delta, "A": A, "B": B, "C": C, "D": D, "delta_bias": delta_bias, "orders": orders}
    expected = {"delta": (batch, K, L, E), "A": (K, E, N), "B": (batch, K, L, N), "C": (batch, K, L, N)}
    expected |= {"D": (K, E), "delta_bias": (K, E), "orders": (K, L)}
    for name, tensor in given.items():
        if tensor is not None and tuple(tensor.shape) != expected[name]:
            raise ValueError(f"selective_scan: {name} must be {expected[name]}, not {tuple(tensor.shape)}")
    if orders is not None and orders.dtype != torch.int64:
        raise ValueError(f"selective_scan: orders must be int64, not {orders.dtype}")


def _check_orders(orders: Tensor) -> None:
    """A wrong index would make a native kernel read and write memory that is not its own."""
    low, high = orders.aminmax()
    visited = torch.zeros_like(orders, dtype=torch.bool)
    if low < 0 or high >= orders.shape[1] or not visited.scatter_(1, orders, True).all():
        raise ValueError(f"selective_scan: each row of orders must be a permutation of 0 .. {orders.shape[1] - 1}")


@torch.library.custom_op("ssmpose::selective_scan", mutates_args=())
def _scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    delta_bias: Tensor | None,
    orders: Tensor | None,
    delta_softplus: bool,
    backend: str,
) -> Tensor:
    if orders is not None and orders.device.type == "cpu":
        _check_orders(orders)
    return find_backend(backend).forward(u, delta, A, B, C, D, delta_bias, orders, delta_softplus)


@torch.library.custom_op("ssmpose::selective_scan_backward", mutates_args=())
def _scan_backward(
    grad_y: Tensor,
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    delta_bias: Tensor | None,
    orders: Tensor | None,
    delta_softplus: bool,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    inputs = (u, delta, A, B, C, D, delta_bias, orders)
    gradients = find_backend(backend).backward(grad_y, *inputs, delta_softplus)
    # An operator cannot return None: an empty tensor stands for the gradient of an input that was not given.
    return tuple(u.new_empty(0) if g is None else g for g in gradients)


@_scan.register_fake
def _(u, delta, A, B, C, D, delta_bias, orders, delta_softplus, backend):
    return u.new_empty(u.shape)


@_scan_backward.register_fake
def _(grad_y, u, delta, A, B, C, D, delta_bias, orders, delta_softplus, backend):
    inputs = (u, delta, A, B, C, D, delta_bias)
    return tuple(u.new_empty(0) if x is None else x.new_empty(x.shape) for x in inputs)


def _save_for_backward(ctx, inputs, output) -> None:
    """Keep the inputs only: states are computed again, so no (L, E, N) tensor outlives the forward pass."""
    *tensors, ctx.delta_softplus, ctx.backend = inputs
    ctx.save_for_backward(*tensors)


def _differentiate(ctx, grad_y):
    gradients = torch.ops.ssmpose.selective_scan_backward(
        grad_y.contiguous(), *ctx.saved_tensors, ctx.delta_softplus, ctx.backend
    )
    wanted = ctx.needs_input_grad[:7]
    return *(g if w else None for g, w in zip(gradients, wanted, strict=True)), None, None, None


_scan.register_autograd(_differentiate, setup_context=_save_for_backward)


@register_flop_formula(torch.ops.ssmpose.selective_scan)
def _flops(u_shape, delta_shape, A_shape, *args, **kwargs) -> int:
    """Two multiply-accumulates (state update, output), each two operations, per clip, token, channel and state."""
    (batch, L, _), (K, E, N) = u_shape, A_shape
    return 4 * batch * K * L * E * N


@register_flop_formula(torch.ops.ssmpose.selective_scan_backward)
def _backward_flops(grad_shape, u_shape, delta_shape, A_shape, *args, **kwargs) -> int:
    """Each product has two factors to differentiate: twice the forward pass, as torch counts matrix products."""
    return 2 * _flops(u_shape, delta_shape, A_shape)
