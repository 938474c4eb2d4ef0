"""The selective scan as one PyTorch operator, `ssmpose::selective_scan`."""

import torch
from torch import Tensor

from models.operators import or_empty, refuse_forward_mode, register
from models.precision import in_full
from models.ssm.backends import backend as find_backend
from models.ssm.backends import resolve
from models.ssm.inputs import ScanInputs


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    delta_bias: Tensor | None = None,
    orders: Tensor | None = None,
    dt_proj: Tensor | None = None,
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
    delta : (batch, K, L, E) step sizes in grid order, before bias and softplus; or, with dt_proj, (batch, K, L, R)
    A : (K, E, N), negative
    B, C : (batch, K, L, N) in grid order
    D, delta_bias : (K, E) or None
    orders : (K, L) int64, each row a permutation: orders[k, l] is the token that direction k visits at step l; None
        means 0 .. L-1 for each
    dt_proj : (K, E, R) or None: the step sizes are then the low-rank product of delta and it, which a fused kernel
        never writes to memory
    delta_softplus : apply softplus (the identity above 20) to delta + delta_bias
    backend : `auto`, or one of `models.ssm.backends.BACKENDS`; `auto` obeys the environment variable SSMPOSE_BACKEND

    Returns
    -------
    y : (batch, L, E)

    Without a clip or a token (batch or L of 0) y is empty and every gradient 0.

    Raises InputError for an unknown or unavailable backend, ValueError for shapes that do not belong together, for an A
    or dt_proj with an empty axis and (on a CPU, where looking costs little) for orders that are no permutations. It can
    be differentiated once, backwards: NotImplementedError for second derivatives and forward mode. Under
    `torch.autocast` it computes in float32.

    >>> tokens, steps = torch.ones(1, 4, 1), torch.zeros(1, 2, 4, 1)
    >>> A, ones = -torch.ones(2, 1, 3), torch.ones(1, 2, 4, 3)
    >>> there_and_back = torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0]])
    >>> y = selective_scan(tokens, steps, A, ones, ones, orders=there_and_back)
    >>> torch.allclose(y, y.flip(1))
    True
    """
    inputs = ScanInputs(*in_full(u, delta, A, B, C, D, delta_bias, orders, dt_proj)).check()
    refuse_forward_mode("selective_scan", *inputs)
    name = resolve(backend, u.device.type, inputs.u.dtype)
    keep = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs)
    return torch.ops.ssmpose.selective_scan(*inputs, delta_softplus, keep, name)[0]


def _scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    delta_bias: Tensor | None,
    orders: Tensor | None,
    dt_proj: Tensor | None,
    delta_softplus: bool,
    keep: bool,
    backend: str,
) -> tuple[Tensor, Tensor]:
    """The output, and with `keep` what the backend wants to find again when it differentiates, else empty."""
    kernel = find_backend(backend)
    inputs = ScanInputs(u, delta, A, B, C, D, delta_bias, orders, dt_proj)
    inputs = inputs if kernel.FUSES_DT_PROJ else inputs.with_full_steps()
    return or_empty(kernel.forward(inputs, delta_softplus, keep), u)


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
    dt_proj: Tensor | None,
    kept: Tensor,
    delta_softplus: bool,
    keep: bool,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    kernel = find_backend(backend)
    inputs = ScanInputs(u, delta, A, B, C, D, delta_bias, orders, dt_proj)
    if kernel.FUSES_DT_PROJ or dt_proj is None:
        gradients = kernel.backward(grad_y, inputs, delta_softplus, kept)
    else:
        gradients = list(kernel.backward(grad_y, inputs.with_full_steps(), delta_softplus, kept))
        by_step = gradients[1]  # (batch, K, L, E)
        gradients[1], gradients[8] = by_step @ dt_proj, (by_step.mT @ delta).sum(0)
    return or_empty(gradients, u)


def _fake(u, delta, A, B, C, D, delta_bias, orders, dt_proj, delta_softplus, keep, backend):
    inputs = ScanInputs(u, delta, A, B, C, D, delta_bias, orders, dt_proj)
    kept_shape = getattr(find_backend(backend), "kept_shape", None) if keep else None
    return u.new_empty(u.shape), u.new_empty(kept_shape(inputs) if kept_shape else 0)


def _operations(u_shape, delta_shape, A_shape, *shapes, **kwargs) -> int:
    """Two multiply-accumulates a token, channel and state (update, output), R a token and channel for low-rank step
    sizes."""
    (batch, L, _), (K, E, N), dt_proj_shape = u_shape, A_shape, shapes[5]
    return 2 * batch * K * L * E * (2 * N + (dt_proj_shape[2] if dt_proj_shape else 0))


register("selective_scan", ScanInputs, _scan, _scan_backward, _fake, _operations)
