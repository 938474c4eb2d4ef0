"""The `cpu` backend: the selective scan in C++ (scan.cpp), built on first use with the system's compiler.

The library is called through a plain C interface with ctypes, so a machine needs a C++ compiler and neither
Python's headers nor ninja. It is kept in a cache folder (`SSMPOSE_CACHE`, otherwise `~/.cache/ssmpose`) under the
hash of all that shapes it, with its own digest at its end: a damaged file is rebuilt, never loaded.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

SOURCE, LANES = (Path(__file__).with_name(name) for name in ("scan.cpp", "lanes.hpp"))
# No -ffast-math: the exponential needs its additions in order, and NaN must stay NaN.
FLAGS = (
    *("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    *("-shared", "-fPIC", "-pthread", "-fvisibility=hidden"),
    "-march=native" if platform.machine().lower() in ("x86_64", "amd64", "i686") else "-mcpu=native",
)
BUILD_SECONDS = 300
INSTEAD = "the scan runs on the slower reference backend"
C_TYPES = {torch.float32: "float", torch.float64: "double"}


class _BuildError(Exception):
    """The library cannot be built or loaded; the message says why in one line."""


class _Shape(ctypes.Structure):
    """`Shape` of scan.cpp, field by field."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in ("batch", "directions", "length", "channels", "states", "softplus", "threads")
    ]


def available() -> str | None:
    """None when the backend can be used (the first call builds it), otherwise one line with the reason."""
    return _library()[1]


def forward(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    delta_bias: Tensor | None,
    orders: Tensor | None,
    delta_softplus: bool,
) -> Tensor:
    """Selective scan of K directions over one token grid (Mamba, algorithm 2; PoseMamba's sum of directions).

    u (batch, L, E); delta (batch, K, L, E); A (K, E, N); B and C (batch, K, L, N); D and delta_bias (K, E) or
    None, all float32 or all float64 on the CPU; orders (K, L) int64, a permutation of the tokens per direction
    (not checked here) or None for 0..L-1. Returns y (batch, L, E), the directions summed on each token.
    Raises ValueError for other shapes or types, RuntimeError where the backend is not available.
    """
    inputs = _inputs(u, delta, A, B, C, D, delta_bias, orders)
    y = _new(u, u.shape)
    if u.numel():
        _call("forward", inputs, delta_softplus, y.data_ptr())
    return y


def backward(
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
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
    """Gradients of `forward` for grad_y (batch, L, E): (du, ddelta, dA, dB, dC, dD or None, ddelta_bias or None).

    Each has the shape of its input. States are recomputed from those kept every 16 steps, so memory grows with
    L E + L N and never with L E N. Raises as `forward` does.
    """
    inputs = _inputs(u, delta, A, B, C, D, delta_bias, orders)
    _expect("grad_y", grad_y, u.shape, u.dtype)
    grad_y = grad_y.contiguous()
    per_channel = A.shape[:2]
    shapes = (u.shape, delta.shape, A.shape, B.shape, C.shape, per_channel, per_channel)
    grads = [_new(u, shape) for shape in shapes]
    if u.numel():
        _call("backward", inputs, delta_softplus, grad_y.data_ptr(), _pointers(grads))
    du, ddelta, dA, dB, dC, dD, dbias = grads
    return du, ddelta, dA, dB, dC, None if D is None else dD, None if delta_bias is None else dbias


def _inputs(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    delta_bias: Tensor | None,
    orders: Tensor | None,
) -> list[Tensor | None]:
    """The inputs checked, contiguous and in the order of scan.cpp's `Inputs`."""
    if u.dtype not in C_TYPES or u.ndim != 3 or A.ndim != 3 or 0 in A.shape:
        raise ValueError(
            f"native scan: u must be (batch, L, E) float32 or float64 and A (K, E, N) with no empty axis; "
            f"got {u.dtype} {tuple(u.shape)} and {tuple(A.shape)}"
        )
    (batch, length, channels), (directions, _, states) = u.shape, A.shape
    if orders is None:
        orders = torch.arange(length).expand(directions, length)
    per_channel, per_state = (directions, channels), (batch, directions, length, states)
    _expect("u", u, u.shape, u.dtype)
    _expect("delta", delta, (batch, directions, length, channels), u.dtype)
    _expect("A", A, (*per_channel, states), u.dtype)
    _expect("B", B, per_state, u.dtype)
    _expect("C", C, per_state, u.dtype)
    _expect("orders", orders, (directions, length), torch.int64)
    for name, tensor in (("D", D), ("delta_bias", delta_bias)):
        if tensor is not None:
            _expect(name, tensor, per_channel, u.dtype)
    tensors = (u, delta, A, B, C, D, delta_bias, orders)
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


def _expect(name: str, tensor: Tensor, shape: Sequence[int], dtype: torch.dtype) -> None:
    """The kernel reads raw memory, so what it gets must be exactly of this shape and type."""
    if tuple(tensor.shape) != tuple(shape) or tensor.dtype != dtype or tensor.device.type != "cpu":
        raise ValueError(
            f"native scan: {name} must be {dtype} {tuple(shape)} on the CPU, "
            f"not {tensor.dtype} {tuple(tensor.shape)} on {tensor.device}"
        )


def _new(u: Tensor, shape: Sequence[int]) -> Tensor:
    """Room for a result; the kernel sets every element, unless there is no token at all."""
    return (torch.empty if u.numel() else torch.zeros)(shape, dtype=u.dtype)


def _pointers(tensors: Sequence[Tensor | None]) -> ctypes.Array:
    """A C array of their addresses, null for None."""
    return (ctypes.c_void_p * len(tensors))(*(None if t is None else t.data_ptr() for t in tensors))


def _call(name: str, inputs: list[Tensor | None], delta_softplus: bool, *rest: int | ctypes.Array) -> None:
    library, reason = _library()
    if library is None:
        raise RuntimeError(f"native scan: {reason}")
    u, _, A = inputs[:3]
    batch, length, channels = u.shape
    shape = _Shape(batch, A.shape[0], length, channels, A.shape[2], delta_softplus, torch.get_num_threads())
    function = getattr(library, f"scan_{name}_{C_TYPES[u.dtype]}")
    function.argtypes = [ctypes.c_void_p] * (2 + len(rest))
    if function(ctypes.byref(shape), _pointers(inputs), *rest):
        raise MemoryError(f"native scan: out of memory for u {tuple(u.shape)} and A {tuple(A.shape)}")


# ---- building and caching ---------------------------------------------------------------------------------


@functools.cache
def _library() -> tuple[ctypes.CDLL | None, str | None]:
    """(library, None) or (None, reason): settled once a process."""
    try:
        compiler = _compiler()
        folder = Path(os.environ.get("SSMPOSE_CACHE") or Path.home() / ".cache" / "ssmpose")
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"scan-{_key(compiler)}.so"
        if not _intact(file):
            _build(compiler, file)
        return ctypes.CDLL(str(file)), None
    except _BuildError as error:
        return None, f"{error}: {INSTEAD}"
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
        where = "set SSMPOSE_CACHE to a folder that can be written and hold programs"
        return None, f"the compiled scan cannot be kept or loaded ({error}; {where}): {INSTEAD}"


def _compiler() -> list[str]:
    """The command of the C++ compiler: `CXX` when set, otherwise the first of c++, g++ and clang++."""
    try:
        named = shlex.split(os.environ.get("CXX", ""))
    except ValueError as error:
        raise _BuildError(f"CXX cannot be read ({error}; correct or unset it)") from error
    if named:
        if shutil.which(named[0]):
            return named
        raise _BuildError(f"CXX names {named[0]}, which is not a program (correct or unset CXX)")
    found = next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    if found is None:
        raise _BuildError("no C++ compiler found (set CXX)")
    return [found]


def _run(command: list[str]) -> str:
    """Its standard output; a failure becomes one line, the first that speaks of an error."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=BUILD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _BuildError(f"the C++ compiler does not run ({error})") from error
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        spoken = next((line for line in lines if "error" in line.lower()), lines[0] if lines else "no message")
        raise _BuildError(f"the C++ compiler {command[0]} failed ({spoken})")
    return done.stdout


def _key(compiler: list[str]) -> str:
    """A hash of what the library depends on: source, flags, compiler and processor."""
    parts = (SOURCE.read_text(), LANES.read_text(), *FLAGS, *compiler, _run([*compiler, "--version"]), _processor())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _processor() -> str:
    """Model and instruction sets: a cache folder may be shared by different machines."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return f"{platform.machine()} {platform.processor()}"
    first = info.read_text().split("\n\n")[0].splitlines()
    kept = ("model name", "flags", "CPU implementer", "CPU part", "Features")
    return "\n".join(line for line in first if line.startswith(kept))


def _build(compiler: list[str], file: Path) -> None:
    """Compiles under a temporary name, appends the digest and renames: several processes may build at once."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=file.parent) as folder:
        fresh = Path(folder) / file.name
        _run([*compiler, *FLAGS, "-o", str(fresh), str(SOURCE)])
        with fresh.open("r+b") as stream:
            stream.write(hashlib.sha256(stream.read()).digest())  # after the read: at the end
        fresh.replace(file)


def _intact(file: Path) -> bool:
    """Whether the file is there and ends in the digest of the rest (loading a cut one would kill the process)."""
    if not file.is_file():
        return False
    content = file.read_bytes()
    return hashlib.sha256(content[:-32]).digest() == content[-32:]
