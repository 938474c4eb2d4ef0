"""Shared libraries built as the `cpu` backend builds its own, with other flags or from another source."""

import ctypes
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from models import compiled
from models.ssm import native

BOUND = Path(__file__).with_name("bound.cpp")
SCAN = native.SOURCES[0]
# The first macro that the compiler defines names what it builds for.
INSTRUCTIONS = {
    "__AVX512F__": "AVX-512",
    "__AVX2__": "AVX2",
    "__AVX__": "AVX",
    "__SSE2__": "SSE2",
    "__ARM_NEON": "NEON",
}


@functools.cache
def build(source: Path, *flags: str) -> ctypes.CDLL:
    """The library of one source, with `flags` after the backend's own; built once a process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{source.stem}.so"
        compiled.run([*compiled.compiler(), *native.FLAGS, *flags, f"-I{SCAN.parent}", "-o", str(file), str(source)])
        return ctypes.CDLL(str(file))  # stays mapped when its file is gone


def instruction_set(*flags: str) -> str:
    """The vector instructions that `build` makes use of."""
    macros = compiled.run([*compiled.compiler(), *native.FLAGS, *flags, "-dM", "-E", "-x", "c++", "/dev/null"])
    return next((name for macro, name in INSTRUCTIONS.items() if f"#define {macro} " in macros), "no vectors")


def scanning_with(library: ctypes.CDLL, call: Callable[[], object]) -> Callable[[], object]:
    """`call`, during which the `cpu` backend runs another library."""

    def changed() -> object:
        with mock.patch.object(native, "_library", return_value=(library, None)):
            return call()

    return changed


def counted(function: str, numbers: int, library: ctypes.CDLL) -> Callable[[], None]:
    """A call of one of bound.cpp's functions for so many numbers."""
    foreign = getattr(library, function)
    foreign.argtypes, foreign.restype = [ctypes.c_int64], None
    return lambda: foreign(numbers)


def machine() -> dict[str, str]:
    """What besides the processor decides the times: instructions, compiler, versions."""
    if native.available() is not None:
        return {"instruction set": native.available()}
    return {
        "instruction set": instruction_set(),
        "compiler": compiled.run([*compiled.compiler(), "--version"]).splitlines()[0],
    }
