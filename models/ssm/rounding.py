"""How large the terms are that a scan adds up: what rounding can do to its output and to its gradients.

A number that is a sum may be as near to 0 as it likes, and its error stays that of its terms. So an error is judged by
the sum of the terms' absolute values (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). Two factors
of a term may be off by more than one rounding: a step size, which is a sum itself, and a decay, whose exponent is
rounded before exp. So the terms are summed again with both a little larger, each in proportion to what it may be off,
and their rate of growth is added. A decay too small for the type may vanish, whatever it is multiplied with.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus

from models.ssm.inputs import ScanInputs
from models.ssm.reference import SOFTPLUS_THRESHOLD

BLUR = 1e-4  # how much larger, of what they may be off: little enough for a derivative


def magnitudes(
    inputs: ScanInputs, grad_y: Tensor, delta_softplus: bool = True, least: float = 0.0
) -> dict[str, Tensor]:
    """Sums of absolute terms, each shaped like what it judges: `y`, and by name the gradient of every input given.

    inputs : float64; grad_y : (batch, L, E), the loss's gradient; least : the smallest normal number of the type over
    its precision. An error is as rounding makes it when it is a few times the precision of the type times these.
    Memory grows with L K E N.
    """
    steps = _Steps(inputs, delta_softplus)
    sizes, grown = (_terms(inputs, steps, grad_y, blur, least) for blur in (0.0, BLUR))
    return {name: size + (grown[name] - size) / BLUR + least for name, size in sizes.items()}


class _Steps:
    """Step sizes after softplus, its slope, and by what their terms let both be off: (batch, K, L, E)."""

    def __init__(self, inputs: ScanInputs, delta_softplus: bool) -> None:
        bias = 0 if inputs.delta_bias is None else inputs.delta_bias[:, None]
        raw = inputs.with_full_steps().delta + bias
        terms = _absolute(inputs).with_full_steps().delta + abs(bias)
        self.size, self.slope = raw, torch.ones_like(raw)
        if delta_softplus:
            self.size = softplus(raw, threshold=SOFTPLUS_THRESHOLD)
            self.slope = torch.where(raw > SOFTPLUS_THRESHOLD, 1.0, torch.sigmoid(raw))
        self.off = terms * self.slope


def _terms(inputs: ScanInputs, steps: _Steps, grad_y: Tensor, blur: float, least: float) -> dict[str, Tensor]:
    """The scan and its gradients of absolute values, with factors blown up by `blur` times what they may be off."""
    u, delta, rates, B, C, D, _, orders, dt_proj = _absolute(inputs)
    K, L = len(rates), u.shape[1]
    orders = torch.arange(L).expand(K, L) if orders is None else orders
    directions, inverse = torch.arange(K)[:, None], orders.argsort(1)
    D = torch.zeros_like(rates[..., 0]) if D is None else D

    def walked(x: Tensor) -> Tensor:
        """(batch, K or 1, L, X) in grid order -> (batch, K, L, X) in visiting order."""
        return x.expand(-1, K, -1, -1)[:, directions, orders]

    def on_grid(x: Tensor) -> Tensor:
        return x[:, directions, inverse]

    u, grad_y = walked(u[:, None]), walked(grad_y.abs()[:, None])
    B, C = walked(B)[..., None, :], walked(C)[..., None, :]
    step, off = walked(steps.size), walked(steps.off)
    decay = torch.exp((blur * (step + off) - step)[..., None] * rates[:, None]) + least
    step = step + blur * off
    states, remembered = _run(decay, (step * u)[..., None] * B)
    adjoints, _ = _run(decay.roll(-1, 2).flip(2), (grad_y[..., None] * C).flip(2))
    adjoints = adjoints.flip(2)
    drive, exponents = (adjoints * B).sum(-1), adjoints * remembered
    by_step = on_grid((drive * u + (exponents * rates[:, None]).sum(-1)) * walked(steps.slope + blur * steps.off))
    sizes = {
        "y": on_grid((states * C).sum(-1) + D[:, None] * u).sum(1),
        "u": on_grid(drive * step + D[:, None] * grad_y).sum(1),
        "delta": by_step if dt_proj is None else by_step @ dt_proj,
        "A": (exponents * step[..., None]).sum((0, 2)),
        "B": on_grid((adjoints * (step * u)[..., None]).sum(-2)),
        "C": on_grid((states * grad_y[..., None]).sum(-2)),
        "D": (u * grad_y).sum((0, 2)),
        "delta_bias": by_step.sum((0, 2)),
        "dt_proj": None if dt_proj is None else (by_step.mT @ delta).sum(0),
    }
    return {name: x for name, x in sizes.items() if name == "y" or getattr(inputs, name) is not None}


def _run(decay: Tensor, inflow: Tensor) -> tuple[Tensor, Tensor]:
    """h_l = decay_l h_(l-1) + inflow_l from h = 0, and its first summand: (batch, K, L, E, N) each."""
    state, states, remembered = torch.zeros_like(inflow[:, :, 0]), [], []
    for factor, added in zip(decay.unbind(2), inflow.unbind(2), strict=True):
        remembered.append(factor * state)
        state = remembered[-1] + added
        states.append(state)
    return torch.stack(states, 2), torch.stack(remembered, 2)


def _absolute(inputs: ScanInputs) -> ScanInputs:
    return ScanInputs(*(x if name == "orders" or x is None else x.abs() for name, x in inputs._asdict().items()))
