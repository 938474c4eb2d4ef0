"""The scan as others do it, on the same inputs as ours: what a PyTorch user would write, and mambapy's parallel scan.

Each takes ScanInputs and returns y (batch, L, E), as `models.ssm.selective_scan` does; autograd differentiates it.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus

from models.ssm import selective_scan
from models.ssm.inputs import ScanInputs
from models.ssm.orders import inverse

try:
    from mambapy.pscan import pscan
except ImportError:
    pscan = None


def ours(inputs: ScanInputs, backend: str = "cpu") -> Tensor:
    """The scan that is measured."""
    return selective_scan(*inputs, backend=backend)


def recurrence(inputs: ScanInputs) -> Tensor:
    """Token by token; decays and inflows (batch, K, L, N, E) of all tokens first, outputs of all tokens last."""
    u, delta, A, B, C = in_visiting_order(inputs)
    decay = torch.exp(delta.unsqueeze(-2) * A.mT.unsqueeze(1))
    inflow = (delta * u).unsqueeze(-2) * B.unsqueeze(-1)
    state, states = torch.zeros_like(inflow[:, :, 0]), []
    # unbind: indexing token after token would make the backward pass quadratic in L.
    for a, x in zip(decay.unbind(2), inflow.unbind(2), strict=True):
        state = torch.addcmul(x, a, state)
        states.append(state)
    y = C.unsqueeze(-2) @ torch.stack(states, 2)  # (batch, K, L, 1, E)
    return to_grid(inputs, y.squeeze(-2))


def recurrence_by_step(inputs: ScanInputs) -> Tensor:
    """Token by token, all of it: nothing of size (batch, K, L, N, E) unless autograd keeps the steps."""
    u, delta, A, B, C = in_visiting_order(inputs)
    columns = (delta.unsqueeze(-2), (delta * u).unsqueeze(-2), B.unsqueeze(-1), C.unsqueeze(-2))
    state, ys = u.new_zeros(()), []
    for step, drive, B_l, C_l in zip(*(x.unbind(2) for x in columns), strict=True):
        state = torch.addcmul(B_l * drive, torch.exp(step * A.mT), state)  # (batch, K, N, E)
        ys.append(C_l @ state)
    return to_grid(inputs, torch.stack(ys, 2).squeeze(-2))


def mambapy_scan(inputs: ScanInputs) -> Tensor:
    """The parallel scan of the package mambapy, used as its own Mamba block uses it; directions are its batch."""
    u, delta, A, B, C = (x.flatten(0, 1) if x.ndim == 4 else x for x in in_visiting_order(inputs))
    A = A.repeat(len(inputs.u), 1, 1).unsqueeze(1)  # (batch K, 1, E, N)
    states = pscan(torch.exp(delta.unsqueeze(-1) * A), (delta * u).unsqueeze(-1) * B.unsqueeze(-2))
    y = (states @ C.unsqueeze(-1)).squeeze(-1)  # (batch K, L, E)
    return to_grid(inputs, y.unflatten(0, inputs.B.shape[:2]))


def copies_and_scan(inputs: ScanInputs) -> Tensor:
    """Each direction's tokens copied into its order, our scan without orders, the output added where it belongs."""
    u, delta, B, C = inputs.u, inputs.delta, inputs.B, inputs.C
    y = torch.zeros_like(u)
    for k, order in enumerate(inputs.orders):
        rows = [x[:, k].index_select(1, order).unsqueeze(1) for x in (delta, B, C)]
        own = [None if x is None else x[k : k + 1] for x in (inputs.D, inputs.delta_bias, None, inputs.dt_proj)]
        visited = ScanInputs(u.index_select(1, order), rows[0], inputs.A[k : k + 1], *rows[1:], *own)
        y = y.index_add(1, order, ours(visited))
    return y


def in_visiting_order(inputs: ScanInputs) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """u and step sizes (batch, K, L, E), A (K, E, N), B and C (batch, K, L, N), tokens in each direction's order."""
    inputs = inputs.with_full_steps()
    raw = inputs.delta if inputs.delta_bias is None else inputs.delta + inputs.delta_bias.unsqueeze(1)
    u = inputs.u.unsqueeze(1).expand(-1, len(inputs.A), -1, -1)
    u, delta, B, C = (_reordered(x, inputs.orders) for x in (u, softplus(raw), inputs.B, inputs.C))
    return u, delta, inputs.A, B, C


def to_grid(inputs: ScanInputs, y: Tensor) -> Tensor:
    """Sum (batch, L, E) of the directions' outputs (batch, K, L, E), and D u."""
    back = None if inputs.orders is None else torch.stack([inverse(order) for order in inputs.orders])
    y = _reordered(y, back).sum(1)
    return y if inputs.D is None else y + inputs.D.sum(0) * inputs.u


def _reordered(x: Tensor, orders: Tensor | None) -> Tensor:
    """(batch, K, L, X) with the tokens of each direction in its order."""
    if orders is None:
        return x
    return torch.stack([x[:, k].index_select(1, order) for k, order in enumerate(orders)], 1)
