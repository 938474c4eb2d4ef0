"""The `triton` backend: the selective scan on a GPU, fused (kernels and their plan: `models.ssm.triton_kernels`).

Step sizes and states never reach memory in full: what is written besides results are the states at the borders of
chunks and, until they are added up, every direction's outputs. Nothing is kept for the backward pass, which computes
the borders again together with the gradients that cross them. Sums are taken in a fixed order, without atomics, so that
results repeat to the last bit.

With TRITON_INTERPRET=1 in the environment, set before Triton is imported, its interpreter runs the same kernels on CPU
tensors: slowly, for tests where there is no GPU.
"""

import importlib.util
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn.functional import pad

from base.errors import InputError
from models.ssm.inputs import ScanInputs

FUSES_DT_PROJ = True
CHANNELS = 32  # of a program: one a thread of a warp
GROUP = 32  # borders that `carry` reads at once
# States that a thread works on at a time, and steps of a chunk: with more, registers do not suffice (docs/gpu.md).
STATES, FORWARD_STEPS, BACKWARD_STEPS = 4, 16, 8


def available() -> str | None:
    """Reason in one line why this backend cannot run, or None."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed (docs/gpu.md says how)"
    if torch.cuda.is_available() or interpreted():
        return None
    return "there is no CUDA device, and Triton's interpreter is not asked for (TRITON_INTERPRET=1)"


def interpreted() -> bool:
    """Whether Triton's interpreter stands in for a GPU in this process."""
    from models.ssm import triton_kernels

    return triton_kernels.INTERPRETED


def forward(inputs: ScanInputs, delta_softplus: bool, keep: bool) -> tuple[Tensor, None]:
    """Scan output (batch, L, E); nothing is kept for `backward`.

    Raises InputError for tensors on a device that cannot be used, ValueError for other types than float32 and, in the
    interpreter, for orders that are no permutations.
    """
    _check(inputs)
    u = inputs.u
    if not u.numel():
        return torch.zeros_like(u), None
    with _on_device_of(u):
        return _Launch(inputs, delta_softplus, FORWARD_STEPS).outputs().sum(1), None


def backward(
    grad_y: Tensor, inputs: ScanInputs, delta_softplus: bool, kept: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Gradients in the order of the inputs, each shaped like its input; None where it is None, and for orders.

    Raises as `forward` does.
    """
    _check(inputs)
    u, delta, _, _, _, D, delta_bias, _, dt_proj = inputs
    if not u.numel():
        return inputs.zero_gradients()
    grad_y = grad_y.contiguous()
    with _on_device_of(u):
        du, ddelta, dA, dB, dC = _Launch(inputs, delta_softplus, BACKWARD_STEPS).gradients(grad_y)
        dD = None if D is None else (grad_y * u).sum((0, 1)).expand(D.shape).contiguous()
        dbias = None if delta_bias is None else ddelta.sum((0, 2))
        if dt_proj is None:
            return du, ddelta, dA, dB, dC, dD, dbias, None, None
        return du, ddelta @ dt_proj, dA, dB, dC, dD, dbias, None, (ddelta.mT @ delta).sum(0)


class _Launch:
    """Inputs as the kernels read them, and the launches of one scan.

    N is padded to a multiple of STATES, with states that stay 0, and the rank of step sizes to a power of two. `steps`
    are those of a chunk.
    """

    def __init__(self, inputs: ScanInputs, delta_softplus: bool, steps: int) -> None:
        u, delta, A, B, C, D, delta_bias, orders, dt_proj = inputs
        self.batch, self.L, self.E = u.shape
        self.K, _, self.states = A.shape
        self.N, rank = -(-self.states // STATES) * STATES, 0
        A, B, C = _widened(A, self.N).mT, _widened(B, self.N), _widened(C, self.N)
        if dt_proj is not None:
            rank = 1 << (inputs.rank - 1).bit_length()
            delta, dt_proj = _widened(delta, rank), _widened(dt_proj, rank).mT
        tensors = (u, delta, A, B, C, D, delta_bias, orders, dt_proj)
        self.inputs = ScanInputs(*(x if x is None else x.contiguous() for x in tensors))
        self.chunks, self.blocks = -(-self.L // steps), -(-self.E // CHANNELS)
        self.grid = (self.chunks, self.batch * self.K, self.blocks)
        self.sizes = (self.L, self.E, self.N, self.K)
        self.constants = {"RANK": rank, "SOFTPLUS": delta_softplus, "STEPS": steps, "STATES": STATES}
        self.constants |= {"CHANNELS": CHANNELS, "num_warps": 1}

    def outputs(self) -> Tensor:
        """y (batch, K, L, E) of every direction."""
        from models.ssm.triton_kernels import outputs

        states, _ = self.borders(None)
        y = self.new(self.L, self.E)
        outputs[self.grid](*self.inputs, states, y, *self.sizes, **self.constants)
        return y

    def gradients(self, grad_y: Tensor) -> tuple[Tensor, ...]:
        """Gradients of u, step sizes before bias and softplus (batch, K, L, E), A, B and C."""
        from models.ssm.triton_kernels import gradients

        states, adjoints = self.borders(grad_y)
        du, ddelta = self.new(self.L, self.E), self.new(self.L, self.E)
        dB, dC = (self.inputs.u.new_empty(self.blocks, self.batch, self.K, self.L, self.N) for _ in range(2))
        results = (du, ddelta, dB, dC)
        gradients[self.grid](*self.inputs, grad_y, states, adjoints, *results, *self.sizes, **self.constants)
        dA = adjoints[:, :, 1:].sum((0, 2)).mT  # where the kernel leaves it
        dA, dB, dC = (x[..., : self.states].contiguous() for x in (dA, dB.sum(0), dC.sum(0)))
        return du.sum(1), ddelta, dA, dB, dC

    def borders(self, grad_y: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """States (batch, K, chunks + 1, N, E) in which chunks start, the last one's end besides; with grad_y also the
        gradients of those states as far as later steps are concerned."""
        from models.ssm.triton_kernels import carry, summarise

        u, delta, A, B, C, _, *others = self.inputs
        totals, states = self.new(self.chunks, self.E), self.new(self.chunks + 1, self.N, self.E)
        states[:, :, 0] = 0
        adjoints = None if grad_y is None else torch.empty_like(states)
        sums = (totals, states, adjoints)
        summarise[self.grid](u, delta, A, B, C, *others, grad_y, *sums, *self.sizes, **self.constants)
        grid, group = (self.N, *self.grid[1:]), min(GROUP, 1 << (self.chunks - 1).bit_length())
        constants = {"GROUP": group, "CHANNELS": CHANNELS, "num_warps": 1}
        sizes = (self.E, self.N, self.K, self.chunks)
        carry[grid](A, totals, states, *sizes, REVERSE=False, **constants)
        if adjoints is not None:
            adjoints[:, :, -1] = 0
            carry[grid](A, totals, adjoints, *sizes, REVERSE=True, **constants)
        return states, adjoints

    def new(self, *shape: int) -> Tensor:
        return self.inputs.u.new_empty(self.batch, self.K, *shape)


def _widened(x: Tensor, width: int) -> Tensor:
    """Zeros added to the last axis, up to that width."""
    return x if x.shape[-1] == width else pad(x, (0, width - x.shape[-1]))


def _check(inputs: ScanInputs) -> None:
    u = inputs.u
    if u.device.type != "cuda" and not interpreted():
        raise InputError(f"backend triton takes tensors on a CUDA device, not {u.device}: use backend=auto")
    if u.dtype != torch.float32:
        raise ValueError(f"triton scan: u must be float32, not {u.dtype}")
    inputs.check_orders()


def _on_device_of(u: Tensor) -> torch.cuda.device | nullcontext:
    """Triton launches on the current device, which need not be the tensor's."""
    return torch.cuda.device(u.device) if u.is_cuda else nullcontext()
