"""The `cpu` backend: the selective scan in C++ (scan.cpp), built on first use (models/compiled.py)."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from models import compiled
from models.compiled import C_TYPES, pointers
from models.ssm.inputs import NO_PERMUTATION, ScanInputs

SOURCES = tuple(Path(__file__).with_name(name) for name in ("scan.cpp", "strand.hpp", "lanes.hpp"))
CHUNK = 32  # steps between the states that the forward pass keeps: what the backward makes of them fits in the cache
FLAGS = (*compiled.FLAGS, f"-DCHUNK={CHUNK}")
INSTEAD = "the scan runs on the slower reference backend"
FUSES_DT_PROJ = True


def available() -> str | None:
    """None when the backend can be used (the first call builds it), otherwise one line with the reason."""
    return _library()[1]


def forward(inputs: ScanInputs, delta_softplus: bool, keep: bool) -> tuple[Tensor, Tensor | None]:
    """Output y (batch, L, E) of a scan, and with `keep` what `backward` needs besides: the states (batch, K, chunks,
    N, E) in which every chunk of `CHUNK` steps starts.

    Tensors are float32 or float64 on the CPU; rows of delta, B and C may lie anywhere, as slices of a larger tensor do.
    Raises ValueError for other types or orders that are no permutations, RuntimeError where the backend is not
    available.
    """
    tensors = _contiguous(inputs)
    y, kept = _new(inputs.u, inputs.u.shape), _new(inputs.u, kept_shape(inputs)) if keep else None
    if inputs.u.numel():
        _call("forward", tensors, delta_softplus, y.data_ptr(), kept.data_ptr() if keep else None)
    return y, kept


def backward(grad_y: Tensor, inputs: ScanInputs, delta_softplus: bool, kept: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients of `forward` for grad_y (batch, L, E), in the order of the inputs; None for those that were not given.

    States are computed again from those kept, so memory grows with L E + L N + L E N / CHUNK and never with L E N.
    Raises as `forward` does.
    """
    tensors = _contiguous(inputs)
    for name, tensor, shape in (("grad_y", grad_y, inputs.u.shape), ("kept", kept, kept_shape(inputs))):
        if tuple(tensor.shape) != tuple(shape) or tensor.dtype != inputs.u.dtype:
            raise ValueError(f"native scan: {name} must be {inputs.u.dtype} {tuple(shape)}, not {tuple(tensor.shape)}")
    grad_y, kept = grad_y.contiguous(), kept.contiguous()
    per_channel = inputs.A.shape[:2]
    wanted = inputs._replace(orders=None)
    shapes = [per_channel if x is None else x.shape for x in wanted]
    grads = [_new(inputs.u, shape) for shape in shapes]
    if inputs.u.numel():
        order = [grads[i] for i in (0, 1, 2, 3, 4, 5, 6, 8)]  # Gradients of strand.hpp
        _call("backward", tensors, delta_softplus, kept.data_ptr(), grad_y.data_ptr(), pointers(order))
    return tuple(None if x is None else grad for x, grad in zip(wanted, grads, strict=True))


def kept_shape(inputs: ScanInputs) -> tuple[int, ...]:
    """Shape of what `forward` keeps for `backward`."""
    (batch, L, E), (K, _, N) = inputs.u.shape, inputs.A.shape
    return batch, K, -(-L // CHUNK), N, E


def _contiguous(inputs: ScanInputs) -> ScanInputs:
    """The inputs as the kernel reads them: contiguous tensors; of delta, B and C, rows of neighbouring numbers.

    The kernel reads raw memory, so what it gets is checked here too, whoever calls.
    """
    if inputs.u.dtype not in C_TYPES or inputs.u.device.type != "cpu":
        raise ValueError(
            f"native scan: u must be float32 or float64 on the CPU, not {inputs.u.dtype} on {inputs.u.device}"
        )
    inputs.check()
    if inputs.orders is None:
        K, L = inputs.A.shape[0], inputs.u.shape[1]
        inputs = inputs._replace(orders=torch.arange(L).expand(K, L))
    strided = {id(x) for x in (inputs.delta, inputs.B, inputs.C) if x.stride(-1) == 1}
    return ScanInputs(*(x if x is None or id(x) in strided else x.contiguous() for x in inputs))


def _new(u: Tensor, shape: Sequence[int]) -> Tensor:
    """Room for a result; the kernel sets every element, unless there is no token at all."""
    return (torch.empty if u.numel() else torch.zeros)(shape, dtype=u.dtype)


def _call(name: str, inputs: ScanInputs, delta_softplus: bool, *rest: int | ctypes.Array | None) -> None:
    library, reason = _library()
    if library is None:
        raise RuntimeError(f"native scan: {reason}")
    (batch, length, channels), (directions, _, states) = inputs.u.shape, inputs.A.shape
    strides = [stride for x in (inputs.delta, inputs.B, inputs.C) for stride in x.stride()[:3]]
    sizes = (batch, directions, length, channels, states, inputs.rank, delta_softplus, torch.get_num_threads())
    shape = (ctypes.c_int64 * (len(sizes) + len(strides)))(*sizes, *strides)  # Shape of strand.hpp
    function = getattr(library, f"scan_{name}_{C_TYPES[inputs.u.dtype]}")
    function.argtypes = [ctypes.c_void_p] * (2 + len(rest))
    failure = function(shape, pointers(inputs), *rest)
    if failure == 1:
        raise MemoryError(f"native scan: out of memory for u {tuple(inputs.u.shape)} and A {tuple(inputs.A.shape)}")
    if failure == 2:
        raise ValueError(NO_PERMUTATION.format(length - 1))


def _library() -> tuple[ctypes.CDLL | None, str | None]:
    """(library, None) or (None, reason)."""
    built, reason = compiled.library("scan", SOURCES, FLAGS)
    return built, reason and f"{reason}: {INSTEAD}"
