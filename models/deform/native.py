"""The deformable convolution in C++ (deform.cpp), forward and backward, built on first use (models/compiled.py)."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from models import compiled
from models.compiled import C_TYPES, pointers
from models.deform.inputs import DeformInputs

FOLDER = Path(__file__).parent
SOURCES = (*(FOLDER / name for name in ("deform.cpp", "products.hpp", "tile.hpp")), FOLDER.parent / "ssm" / "lanes.hpp")
MOST_CELLS = 2**31 - 1  # of an image: the kernel numbers them in 32 bits
INSTEAD = "deformable convolutions run in plain PyTorch, which is slower"


def available() -> str | None:
    """None when the kernel can be used (the first call builds it), otherwise one line with the reason."""
    return _library()[1]


def forward(inputs: DeformInputs, dilation: int = 1) -> Tensor:
    """y (N, H, W, C) of float32 or float64 tensors on the CPU.

    Raises ValueError for other inputs, RuntimeError where the kernel is not available.
    """
    inputs = _contiguous(inputs)
    y = torch.empty(inputs.x.shape, dtype=inputs.x.dtype)
    _call("forward", inputs, dilation, [y])
    return y


def backward(grad_y: Tensor, inputs: DeformInputs, dilation: int = 1) -> tuple[Tensor | None, ...]:
    """Gradients of `forward` for grad_y (N, H, W, C), in the order of the inputs; None for masks that were not given.

    Samples are computed again. Raises as `forward` does.
    """
    inputs = _contiguous(inputs)
    if (grad_y.shape, grad_y.dtype) != (inputs.x.shape, inputs.x.dtype) or grad_y.device.type != "cpu":
        raise ValueError(f"native deform_conv: grad_y must be like x, not {grad_y.dtype} {tuple(grad_y.shape)}")
    grads = [None if x is None else torch.zeros(x.shape, dtype=x.dtype) for x in inputs]
    _call("backward", inputs, dilation, [grad_y.contiguous(), *grads])
    return tuple(grads)


def _contiguous(inputs: DeformInputs) -> DeformInputs:
    """The inputs as the kernel reads them, from raw memory: so they are checked here too, whoever calls."""
    x = inputs.check().x
    if x.dtype not in C_TYPES or x.device.type != "cpu" or x.shape[1] * x.shape[2] > MOST_CELLS:
        raise ValueError(
            f"native deform_conv: x must be float32 or float64 on the CPU, an image of at most {MOST_CELLS} cells; "
            f"got {x.dtype} {tuple(x.shape)} on {x.device}"
        )
    return DeformInputs(*(None if x is None else x.contiguous() for x in inputs))


def _call(name: str, inputs: DeformInputs, dilation: int, rest: Sequence[Tensor | None]) -> None:
    library, reason = _library()
    if library is None:
        raise RuntimeError(f"native deform_conv: {reason}")
    if not inputs.x.numel():
        return
    kernel, per_group = inputs.weight.shape[3], inputs.weight.shape[1]
    sizes = (*inputs.x.shape, inputs.parts, kernel, per_group, dilation, torch.get_num_threads())
    shape = (ctypes.c_int64 * len(sizes))(*sizes)  # Shape of tile.hpp
    function = getattr(library, f"deform_{name}_{C_TYPES[inputs.x.dtype]}")
    function.argtypes = [ctypes.c_void_p] * 3
    if function(shape, pointers(inputs), pointers(rest)):
        raise MemoryError(f"native deform_conv: out of memory for x {tuple(inputs.x.shape)}")


def _library() -> tuple[ctypes.CDLL | None, str | None]:
    """(library, None) or (None, reason)."""
    built, reason = compiled.library("deform", SOURCES, compiled.FLAGS)
    return built, reason and f"{reason}: {INSTEAD}"
