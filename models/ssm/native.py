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

from models.ssm.inputs import NO_PERMUTATION, ScanInputs

SOURCES = tuple(Path(__file__).with_name(name) for name in ("scan.cpp", "strand.hpp", "lanes.hpp"))
CHUNK = 32  # steps between the states that the forward pass keeps: what the backward makes of them fits in the cache
# No -ffast-math: the exponential needs its additions in order, and NaN must stay NaN.
FLAGS = (
    *("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    *("-shared", "-fPIC", "-pthread", "-fvisibility=hidden", f"-DCHUNK={CHUNK}"),
    "-march=native" if platform.machine().lower() in ("x86_64", "amd64", "i686") else "-mcpu=native",
)
OPENMP = "-fopenmp"  # GCC's library is the one that PyTorch has loaded: one set of threads for both
BUILD_SECONDS = 300
INSTEAD = "the scan runs on the slower reference backend"
FUSES_DT_PROJ = True
C_TYPES = {torch.float32: "float", torch.float64: "double"}


class _BuildError(Exception):
    """The library cannot be built or loaded; the message says why in one line."""


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
        _call("backward", tensors, delta_softplus, kept.data_ptr(), grad_y.data_ptr(), _pointers(order))
    return tuple(None if x is None else grad for x, grad in zip(wanted, grads, strict=True))


def kept_shape(inputs: ScanInputs) -> tuple[int, ...]:
    """Shape of what `forward` keeps for `backward`."""
    (batch, L, E), (K, _, N) = inputs.u.shape, inputs.A.shape
    return batch, K, -(-L // CHUNK), N, E


def _contiguous(inputs: ScanInputs) -> ScanInputs:
    """The inputs as the kernel reads them: contiguous tensors; of delta, B and C, rows of neighbouring numbers.

    The kernel reads raw memory, so what it gets is checked here too, whoever calls.
    """
    if inputs.u.dtype not in C_TYPES or inputs.u.device.type != "cpu" or 0 in inputs.A.shape:
        raise ValueError(
            f"native scan: u must be float32 or float64 on the CPU and A have no empty axis; "
            f"got {inputs.u.dtype} on {inputs.u.device} and {tuple(inputs.A.shape)}"
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


def _pointers(tensors: Sequence[Tensor | None]) -> ctypes.Array:
    """A C array of their addresses, null for None."""
    return (ctypes.c_void_p * len(tensors))(*(None if t is None else t.data_ptr() for t in tensors))


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
    failure = function(shape, _pointers(inputs), *rest)
    if failure == 1:
        raise MemoryError(f"native scan: out of memory for u {tuple(inputs.u.shape)} and A {tuple(inputs.A.shape)}")
    if failure == 2:
        raise ValueError(NO_PERMUTATION.format(length - 1))


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
    sources = (file.read_text() for file in SOURCES)
    parts = (*sources, *FLAGS, OPENMP, *compiler, _run([*compiler, "--version"]), _processor())
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
        try:
            _run([*compiler, *FLAGS, OPENMP, "-o", str(fresh), str(SOURCES[0])])
        except _BuildError:  # no OpenMP: it starts threads of its own
            _run([*compiler, *FLAGS, "-o", str(fresh), str(SOURCES[0])])
        with fresh.open("r+b") as stream:
            stream.write(hashlib.sha256(stream.read()).digest())  # after the read: at the end
        fresh.replace(file)


def _intact(file: Path) -> bool:
    """Whether the file is there and ends in the digest of the rest (loading a cut one would kill the process)."""
    if not file.is_file():
        return False
    content = file.read_bytes()
    return hashlib.sha256(content[:-32]).digest() == content[-32:]
