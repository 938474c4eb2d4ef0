"""C++ libraries built on first use with the system's compiler: the native kernels are called through these.

A library is called through a plain C interface with ctypes, so a machine needs a C++ compiler and neither Python's
headers nor ninja. It is kept in a cache folder (`SSMPOSE_CACHE`, otherwise `~/.cache/ssmpose`) under the hash of all
that shapes it, with its own digest at its end: a damaged file is rebuilt, never loaded.
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

# What the libraries are built for: an instruction set that the compiler's -march (-mcpu) takes. Another than this
# processor's is for tests: as on an older one, say x86-64-v3, which is AVX2.
INSTRUCTIONS = os.environ.get("SSMPOSE_INSTRUCTIONS") or "native"
# No -ffast-math: NaN must stay NaN, and the scan's exponential needs its additions in order.
FLAGS = (
    *("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    *("-shared", "-fPIC", "-pthread", "-fvisibility=hidden"),
    f"-{'march' if platform.machine().lower() in ('x86_64', 'amd64', 'i686') else 'mcpu'}={INSTRUCTIONS}",
)
OPENMP = "-fopenmp"  # GCC's library is the one that PyTorch has loaded: one set of threads for both
BUILD_SECONDS = 300
C_TYPES = {torch.float32: "float", torch.float64: "double"}


class BuildError(Exception):
    """A library cannot be built or loaded; the message says why in one line."""


@functools.cache
def library(name: str, sources: tuple[Path, ...], flags: tuple[str, ...]) -> tuple[ctypes.CDLL | None, str | None]:
    """(library, None), or (None, reason in one line): decided once a process.

    name : what its file's name begins with; sources : the file to compile, then what it includes; flags : the
    compiler's, all but OpenMP's, which is left out where the compiler does not have it.
    """
    try:
        command = compiler()
        folder = Path(os.environ.get("SSMPOSE_CACHE") or Path.home() / ".cache" / "ssmpose")
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{name}-{_key(command, sources, flags)}.so"
        if not intact(file):
            _build([*command, *flags], sources[0], file)
        return ctypes.CDLL(str(file)), None
    except BuildError as error:
        return None, str(error)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
        where = "set SSMPOSE_CACHE to a folder that can be written and hold programs"
        return None, f"the compiled {name} cannot be kept or loaded ({error}; {where})"


def compiler() -> list[str]:
    """The command of the C++ compiler: `CXX` when set, otherwise the first of c++, g++ and clang++.

    Raises BuildError where there is none or `CXX` cannot be used.
    """
    try:
        named = shlex.split(os.environ.get("CXX", ""))
    except ValueError as error:
        raise BuildError(f"CXX cannot be read ({error}; correct or unset it)") from error
    if named:
        if shutil.which(named[0]):
            return named
        raise BuildError(f"CXX names {named[0]}, which is not a program (correct or unset CXX)")
    program = next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    if program is None:
        raise BuildError("no C++ compiler found (set CXX)")
    return [program]


def run(command: list[str]) -> str:
    """Its standard output; raises BuildError with one line, the first that speaks of an error, when it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=BUILD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"the C++ compiler does not run ({error})") from error
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        spoken = next((line for line in lines if "error" in line.lower()), lines[0] if lines else "no message")
        raise BuildError(f"the C++ compiler {command[0]} failed ({spoken})")
    return done.stdout


def pointers(tensors: Sequence[Tensor | None]) -> ctypes.Array:
    """A C array of their addresses, null for None."""
    return (ctypes.c_void_p * len(tensors))(*(None if t is None else t.data_ptr() for t in tensors))


def intact(file: Path) -> bool:
    """Whether the file is there and ends in the digest of the rest (loading a cut one would kill the process)."""
    if not file.is_file():
        return False
    content = file.read_bytes()
    return hashlib.sha256(content[:-32]).digest() == content[-32:]


def _key(command: list[str], sources: Sequence[Path], flags: Sequence[str]) -> str:
    """A hash of what the library depends on: sources, flags, compiler and processor."""
    texts = (file.read_text() for file in sources)
    parts = (*texts, *flags, OPENMP, *command, run([*command, "--version"]), _processor())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _processor() -> str:
    """Model and instruction sets: a cache folder may be shared by different machines."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return f"{platform.machine()} {platform.processor()}"
    first = info.read_text().split("\n\n")[0].splitlines()
    kept = ("model name", "flags", "CPU implementer", "CPU part", "Features")
    return "\n".join(line for line in first if line.startswith(kept))


def _build(command: list[str], source: Path, file: Path) -> None:
    """Compiles under a temporary name, appends the digest and renames: several processes may build at once."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=file.parent) as folder:
        fresh = Path(folder) / file.name
        try:
            run([*command, OPENMP, "-o", str(fresh), str(source)])
        except BuildError:  # no OpenMP
            run([*command, "-o", str(fresh), str(source)])
        with fresh.open("r+b") as stream:
            stream.write(hashlib.sha256(stream.read()).digest())  # after the read: at the end
        fresh.replace(file)
