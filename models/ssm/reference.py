"""The scan in plain PyTorch: any dtype, any device, and the oracle for every other backend.

The recurrence h_l = a_l h_(l-1) + x_l is linear, so a sequence is cut into about sqrt(L) chunks of about sqrt(L) steps.
Three sweeps do it: one step at a time over all chunks at once, from zero; chunk after chunk, handing each end state on;
and once more over all chunks, now from the right start. That is about 3 sqrt(L) rounds of Python instead of L. Every
decay exp(delta A) is at most 1, so nothing overflows and nothing is divided. The adjoint is the same recurrence run
backwards.

States are laid out (..., N, E): the long, contiguous axis E comes last, which is what vectorised arithmetic wants.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from models.ssm.inputs import ScanInputs

# State elements that one step works on: enough to amortise Python, few enough to stay in a core's cache.
ELEMENTS_PER_STEP = 2**17
FUSES_DT_PROJ = False
SOFTPLUS_THRESHOLD = 20.0  # above it softplus is the identity, as in the released kernels


def available() -> str | None:
    """Reason why this backend cannot run, or None: it always can."""
    return None


def forward(inputs: ScanInputs, delta_softplus: bool, keep: bool) -> tuple[Tensor, None]:
    """Scan output (batch, L, E) of inputs with full step sizes; nothing is kept for `backward`."""
    u, D = inputs.check_orders().u, inputs.D
    if not u.numel():
        return torch.zeros_like(u), None
    y = torch.zeros_like(u, memory_format=torch.contiguous_format)
    if D is not None:
        y.addcmul_(u, D.sum(0))  # every direction adds D u to the token it read
    decays = _workspace(inputs, 0)
    for part in _parts(inputs, delta_softplus):
        y[part.clips] += part.to_grid(part.outputs(*part.decays_and_starts(decays)))
    return y, None


def backward(
    grad_y: Tensor, inputs: ScanInputs, delta_softplus: bool, kept: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Gradients in the order of the inputs, each shaped like its input; None where it is None, and for orders."""
    u, delta, A, B, C, D, delta_bias, *_ = inputs
    if not u.numel():
        return inputs.zero_gradients()
    du = torch.zeros_like(u) if D is None else grad_y * D.sum(0)
    dD = None if D is None else (grad_y * u).sum((0, 1)).expand(D.shape).contiguous()
    ddelta, dA, dB, dC = (torch.zeros_like(x, memory_format=torch.contiguous_format) for x in (delta, A, B, C))
    decays, histories = _workspace(inputs, 0), _workspace(inputs, 1)
    for part in _parts(inputs, delta_softplus):
        clips, k = part.clips, part.direction
        decay, start = part.decays_and_starts(decays)
        states = part.states(decay, start, histories)
        ddrive, drate, dA_k, dB_k, dC_k = part.adjoints(decay, states, part.to_steps(grad_y[clips]))
        ddrive = part.to_grid(ddrive)  # gradient of delta * u
        dA[k] += dA_k
        dB[clips, k], dC[clips, k] = part.to_grid(dB_k), part.to_grid(dC_k)
        du[clips] += ddrive * part.delta
        ddelta[clips, k] = (part.to_grid(drate) + ddrive * u[clips]) * part.delta_slope
    return du, ddelta, dA, dB, dC, dD, None if delta_bias is None else ddelta.sum((0, 2)), None, None


@dataclass
class _Part:
    """Some clips in one direction: tokens in grid order (g, L, E), and folded into steps (c, g, n, ...).

    c steps, g clips, n chunks: element [j, b, i] is step j of chunk i of clip b.
    """

    clips: slice
    direction: int
    order: Tensor | None  # (L,)
    delta: Tensor  # (g, L, E) after softplus
    delta_slope: Tensor | float  # (g, L, E) derivative of the softplus
    u: Tensor  # (g, L, E)
    A: Tensor  # (N, E)
    B: Tensor  # (g, L, N)
    C: Tensor  # (g, L, N)

    def __post_init__(self) -> None:
        self.length = self.u.shape[1]
        self.steps, self.chunks = _steps_and_chunks(self.length)
        self.inverse = None if self.order is None else torch.argsort(self.order)
        self.rate = self.to_steps(self.delta)  # (c, g, n, E)
        self.drive = self.to_steps(self.delta * self.u)  # (c, g, n, E)
        self.B, self.C = self.to_steps(self.B), self.to_steps(self.C)  # (c, g, n, N)

    def to_steps(self, grid: Tensor) -> Tensor:
        """(g, L, X) in grid order -> (c, g, n, X) in visiting order; zeros fill the last chunk, and change nothing."""
        tokens = grid if self.order is None else grid.index_select(1, self.order)
        tokens = pad(tokens, (0, 0, 0, self.steps * self.chunks - self.length))
        return tokens.unflatten(1, (self.chunks, self.steps)).permute(2, 0, 1, 3).contiguous()

    def to_grid(self, steps: Tensor) -> Tensor:
        """(c, g, n, X) in visiting order -> (g, L, X) in grid order."""
        tokens = steps.permute(1, 2, 0, 3).flatten(1, 2)[:, : self.length]
        return tokens if self.inverse is None else tokens.index_select(1, self.inverse)

    def step(self, j: int, decay: Tensor, state: Tensor) -> Tensor:
        """State (g, n, N, E) after step j of every chunk."""
        inflow = self.B[j].unsqueeze(-1) * self.drive[j].unsqueeze(-2)
        return torch.addcmul(inflow, decay, state, out=inflow)

    def decays_and_starts(self, workspace: Tensor) -> tuple[Tensor, Tensor]:
        """Decays (c, g, n, N, E) of all steps, and the state (g, n, N, E) in which each chunk starts."""
        decay = workspace[:, : len(self.u)]
        state = torch.zeros_like(decay[0])
        for j in range(self.steps):
            torch.mul(self.rate[j].unsqueeze(-2), self.A, out=decay[j]).exp_()
            state = self.step(j, decay[j], state)
        whole = self.whole_decay()
        start = torch.zeros_like(state)
        for i in range(1, self.chunks):
            torch.addcmul(state[:, i - 1], whole[:, i - 1], start[:, i - 1], out=start[:, i])
        return decay, start

    def whole_decay(self) -> Tensor:
        """Product (g, n, N, E) of the decays of each chunk."""
        return torch.mul(self.rate.sum(0).unsqueeze(-2), self.A).exp_()

    def outputs(self, decay: Tensor, state: Tensor) -> Tensor:
        """C h of every step (c, g, n, E), from the state in which each chunk starts."""
        y = torch.empty_like(self.drive)
        for j in range(self.steps):
            state = self.step(j, decay[j], state)
            torch.matmul(self.C[j].unsqueeze(-2), state, out=y[j].unsqueeze(-2))
        return y

    def states(self, decay: Tensor, start: Tensor, workspace: Tensor) -> Tensor:
        """States before the first and after every step (c + 1, g, n, N, E)."""
        states = workspace[:, : len(self.u)]
        states[0] = start
        for j in range(self.steps):
            torch.mul(self.B[j].unsqueeze(-1), self.drive[j].unsqueeze(-2), out=states[j + 1])
            states[j + 1].addcmul_(decay[j], states[j])
        return states

    def adjoints(self, decay: Tensor, states: Tensor, grad: Tensor) -> tuple[Tensor, ...]:
        """Gradients of drive, rate (c, g, n, E), A (E, N), B and C (c, g, n, N), given that of C h (c, g, n, E)."""
        ddrive, drate, dB = torch.empty_like(self.drive), torch.empty_like(self.rate), torch.empty_like(self.B)
        dA = torch.zeros_like(states[0])
        # `back` is the gradient of the state before a step, as far as later steps are concerned.
        back = self.ends(decay, grad)
        for j in reversed(range(self.steps)):
            state = torch.mul(self.C[j].unsqueeze(-1), grad[j].unsqueeze(-2)).add_(back)
            torch.matmul(self.B[j].unsqueeze(-2), state, out=ddrive[j].unsqueeze(-2))
            torch.matmul(self.drive[j].unsqueeze(-2), state.mT, out=dB[j].unsqueeze(-2))
            back = state.mul_(decay[j])
            exponent = torch.mul(back, states[j])  # gradient of delta A
            dA.addcmul_(exponent, self.rate[j].unsqueeze(-2))
            torch.sum(exponent.mul_(self.A), -2, out=drate[j])
        dC = torch.matmul(grad.unsqueeze(-2), states[1:].mT).squeeze(-2)
        return ddrive, drate, dA.sum((0, 1)).T, dB, dC

    def ends(self, decay: Tensor, grad: Tensor) -> Tensor:
        """Gradient (g, n, N, E) of the state in which each chunk ends, from all the chunks after it."""
        back = torch.zeros_like(decay[0])
        for j in reversed(range(self.steps)):
            back = torch.mul(self.C[j].unsqueeze(-1), grad[j].unsqueeze(-2)).add_(back).mul_(decay[j])
        whole = self.whole_decay()
        end = torch.zeros_like(back)
        for i in reversed(range(self.chunks - 1)):
            torch.addcmul(back[:, i + 1], whole[:, i + 1], end[:, i + 1], out=end[:, i])
        return end


def _steps_and_chunks(length: int) -> tuple[int, int]:
    """Steps of a chunk, and chunks: both about the square root of the length."""
    steps = math.isqrt(length - 1) + 1
    return steps, -(-length // steps)


def _clips_at_once(inputs: ScanInputs) -> int:
    _, chunks = _steps_and_chunks(inputs.u.shape[1])
    return min(len(inputs.u), max(1, ELEMENTS_PER_STEP // (chunks * inputs.A[0].numel())))


def _workspace(inputs: ScanInputs, extra: int) -> Tensor:
    """Memory (c + extra, g, n, N, E) that all parts share: touching fresh pages costs more than the arithmetic."""
    steps, chunks = _steps_and_chunks(inputs.u.shape[1])
    _, E, N = inputs.A.shape
    return inputs.u.new_empty(steps + extra, _clips_at_once(inputs), chunks, N, E)


def _parts(inputs: ScanInputs, delta_softplus: bool) -> Iterator[_Part]:
    """Cut the work into parts of bounded size: direction by direction, a few clips at a time."""
    u, delta, A, B, C, _, delta_bias, orders, _ = inputs
    at_once = _clips_at_once(inputs)
    for k in range(len(A)):
        for first in range(0, len(u), at_once):
            clips = slice(first, first + at_once)
            raw = delta[clips, k] if delta_bias is None else delta[clips, k] + delta_bias[k]
            yield _Part(
                clips,
                k,
                None if orders is None else orders[k],
                softplus(raw, threshold=SOFTPLUS_THRESHOLD) if delta_softplus else raw,
                torch.where(raw > SOFTPLUS_THRESHOLD, 1.0, torch.sigmoid(raw)) if delta_softplus else 1.0,
                u[clips],
                A[k].T.contiguous(),
                B[clips, k],
                C[clips, k],
            )
