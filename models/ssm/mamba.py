"""The `mamba_ssm` backend: the CUDA kernel of the mamba-ssm package, through its `selective_scan_fn`.

That kernel reads (batch, channels, tokens) from the first token to the last. So for every direction the tokens are
copied in visiting order, the directions go through one call as groups of channels, and the outputs are copied back to
grid order and added up. Nothing is kept for the backward pass, which runs the kernel again. Its gradients are added up
by atomics on the GPU: they may differ in the last bits from one run to the next.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from base.errors import InputError
from models.ssm.inputs import ScanInputs

FUSES_DT_PROJ = False
DEVICE = "cuda"
MOST_STATES = 256  # that the kernel was written for


def available() -> str | None:
    """Reason in one line why this backend cannot run, or None."""
    if not torch.cuda.is_available():
        return "there is no CUDA device"
    try:
        _kernel()
    except Exception as error:  # whatever an import of compiled code raises is the reason
        return f"the package mamba-ssm cannot be imported ({' '.join(str(error).split())}; see docs/gpu.md)"
    return None


def forward(inputs: ScanInputs, delta_softplus: bool, keep: bool) -> tuple[Tensor, None]:
    """Scan output (batch, L, E) of inputs with full step sizes; nothing is kept for `backward`.

    Raises InputError for tensors that are not on a GPU, ValueError for other types than float32 and for more than 256
    states.
    """
    _check(inputs)
    if not inputs.u.numel():
        return torch.zeros_like(inputs.u), None
    with torch.no_grad():
        y = _scan(_sequences(inputs), delta_softplus)
    return _to_grid(y.unflatten(1, inputs.A.shape[:2]), inputs.orders).sum(1), None


def backward(
    grad_y: Tensor, inputs: ScanInputs, delta_softplus: bool, kept: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Gradients in the order of the inputs, each shaped like its input; None where it is None, and for orders.

    Raises as `forward` does.
    """
    _check(inputs)
    if not inputs.u.numel():
        return inputs.zero_gradients()
    K, E = inputs.A.shape[:2]
    leaves = [x if x is None else x.detach().requires_grad_() for x in _sequences(inputs)]
    given = [x for x in leaves if x is not None]
    with torch.enable_grad():
        y = _scan(leaves, delta_softplus)
    gradients = iter(torch.autograd.grad(y, given, _in_visiting_order(grad_y.unsqueeze(1), inputs, E).flatten(1, 2)))
    du, ddelta, dA, dB, dC, dD, dbias = (None if x is None else next(gradients) for x in leaves)
    du, ddelta = (_to_grid(x.unflatten(1, (K, E)), inputs.orders) for x in (du, ddelta))
    dB, dC = (_to_grid(x, inputs.orders) for x in (dB, dC))
    dA, dD, dbias = (x if x is None else x.unflatten(0, (K, E)) for x in (dA, dD, dbias))
    return du.sum(1), ddelta, dA, dB, dC, dD, dbias, None, None


def _scan(sequences: list[Tensor | None], delta_softplus: bool) -> Tensor:
    u, delta, A, B, C, D, delta_bias = sequences
    return _kernel()(u, delta, A, B, C, D, delta_bias=delta_bias, delta_softplus=delta_softplus)


def _sequences(inputs: ScanInputs) -> list[Tensor | None]:
    """u, delta (batch, K E, L), A (K E, N), B, C (batch, K, N, L), D and delta_bias (K E), as the kernel reads them."""
    u, delta, A, B, C, D, delta_bias, *_ = inputs
    _, E, N = A.shape
    u, delta = (_in_visiting_order(x, inputs, E).flatten(1, 2) for x in (u.unsqueeze(1), delta))
    B, C = (_in_visiting_order(x, inputs, N) for x in (B, C))
    D, delta_bias = (x if x is None else x.flatten() for x in (D, delta_bias))
    return [u, delta, A.flatten(0, 1), B, C, D, delta_bias]


def _in_visiting_order(x: Tensor, inputs: ScanInputs, width: int) -> Tensor:
    """(batch, K or 1, L, width) in grid order -> (batch, K, width, L) in visiting order, contiguous."""
    x, orders = x.expand(-1, len(inputs.A), -1, width), inputs.orders
    if orders is not None:
        x = x[:, torch.arange(len(orders), device=x.device)[:, None], orders]
    return x.mT.contiguous()


def _to_grid(x: Tensor, orders: Tensor | None) -> Tensor:
    """(batch, K, width, L) in visiting order -> (batch, K, L, width) in grid order, contiguous."""
    x = x.mT
    if orders is not None:
        x = x[:, torch.arange(len(orders), device=x.device)[:, None], orders.argsort(1)]
    return x.contiguous()


def _check(inputs: ScanInputs) -> None:
    u, A = inputs.u, inputs.A
    if u.device.type != DEVICE:
        raise InputError(f"backend mamba_ssm takes tensors on a CUDA device, not {u.device}: use backend=auto")
    if u.dtype != torch.float32 or A.shape[2] > MOST_STATES:
        raise ValueError(
            f"mamba_ssm scan: u must be float32 and A have at most {MOST_STATES} states; "
            f"got {u.dtype} and {tuple(A.shape)}"
        )
    inputs.check_orders()


@cache
def _kernel() -> Callable[..., Tensor]:
    """The package's `selective_scan_fn` (u, delta, A, B, C, D, z, delta_bias, delta_softplus, return_last_state)."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    return selective_scan_fn
