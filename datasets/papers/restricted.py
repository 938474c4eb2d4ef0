"""Pickles, and npz files with objects in them, as data sets are published in: read without running what they name.

A pickle is a program: it may call anything that it can import. Here it can name a handful of makers of plain numpy
arrays and containers, each of which is replaced where its arguments could ask for more than a file of that size should
(a shape that fills the memory). Whatever else it names ends the reading in one line.

Looked at besides: picklescan and fickling look for known dangers and let the rest pass; this lets pass what is known.
"""

import io
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy

from base.files import check_directory
from datasets.disguises import unreadable

MOST_INFLATED = 200  # times a packed file's size; real arrays shrink by less
FAILURES = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
)
FAILURES += (ImportError, MemoryError, RecursionError, UnicodeDecodeError, OSError, SyntaxError, TokenError)
PACKED = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError)


def read_pickle(path: str | Path) -> Any:
    """What a pickle of plain containers, numbers, texts and numpy arrays holds; of Python 2 as well.

    Raises InputError: absent, cut, no pickle, or one that names anything else.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _Restricted(file, encoding="latin1").load()
    except FAILURES as error:
        raise unreadable(path, error) from None


def read_npz(path: str | Path) -> dict[str, Any]:
    """Arrays of an npz file by name; one that holds a single object (a dictionary, say) as that object.

    Raises InputError: absent, cut, no npz, more inside than a file of its size may hold, or objects that name what
    data has no use for.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            check_directory(archive)
            _check_size(archive)
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in archive.infolist()}
    except (*PACKED, *FAILURES) as error:
        raise unreadable(path, error, zipped=True) from None


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        """A maker of plain data by its name in old and new versions of numpy and Python."""
        place = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        maker = MAKERS.get((place, name))
        if maker is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no plain data name; do not trust this file")
        return maker


ARRAY = "the type of arrays"  # stands for numpy.ndarray, which a pickle names, and which it must not call


def _empty(kind: str, shape: tuple, code: bytes) -> np.ndarray:
    """The empty array that a pickled one starts from; its numbers and its shape come after."""
    if kind is not ARRAY or shape != (0,):
        raise pickle.UnpicklingError("an array that does not start empty")
    return np.ndarray(shape, code)


def _scalar(dtype: np.dtype, content: bytes) -> Any:
    """One number of that type."""
    content = content if isinstance(content, bytes) else content.encode("latin1")
    if dtype.hasobject or len(content) != dtype.itemsize:
        raise pickle.UnpicklingError("a number that is not one")
    return np.frombuffer(content, dtype)[0]


def _array(content: bytes, dtype: np.dtype, shape: tuple, order: str) -> np.ndarray:
    """An array from its bytes, which give it its size."""
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def _latin1(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes into an old pickle."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes by way of {encoding}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How Python 3 writes no bytes at all into an old pickle."""
    return b""


MAKERS: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _array,
    ("numpy", "ndarray"): ARRAY,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "bytes"): _no_bytes,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
}


def _check_size(archive: zipfile.ZipFile) -> None:
    inside = sum(info.file_size for info in archive.infolist())
    packed = sum(info.compress_size for info in archive.infolist())
    if inside > MOST_INFLATED * max(packed, 1 << 16):
        raise ValueError(f"{inside:,} bytes out of {packed:,}: more than arrays shrink by; do not trust this file")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    """One array; numpy's own reader where it holds no objects."""
    content = io.BytesIO(archive.read(info))
    version = npy.read_magic(content)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = header(content)
    if not dtype.hasobject:
        content.seek(0)
        return npy.read_array(content, allow_pickle=False)
    array = _Restricted(content, encoding="latin1").load()
    return array.item() if shape == () else array
