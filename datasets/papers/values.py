"""Values of raw files as arrays that can be relied on: every reader takes them through here.

Whatever is wrong with a value is said in one line that begins with the file and the key: of another shape, texts for
numbers, rows of several lengths, NaN. Lists do as well as arrays, and an axis of length 1 at the end is dropped where
that leaves no doubt.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from base.errors import InputError

Shape = tuple[int | None, ...]  # None: any length from 1 on
MOST_NAMED = 12  # keys that a message lists


def entry(content: object, key: str, where: str | Path) -> Any:
    """A value of a mapping by its key. Raises InputError that says what is there instead."""
    if key not in mapping(content, where):
        held = ", ".join(sorted(map(str, content))[:MOST_NAMED])
        raise InputError(f"{where}: has no {key!r}; is it the right file? It holds {held}")
    return content[key]


def mapping(content: object, where: str | Path) -> Mapping:
    """The value, if it is a mapping with something in it. Raises InputError otherwise."""
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{where}: holds {_kind(content)} where a mapping is expected; is it the right file?")
    return content


def items(value: object, where: str) -> list:
    """The values of a list, a tuple or an array, with something in it. Raises InputError for anything else."""
    if not isinstance(value, list | tuple | np.ndarray) or getattr(value, "shape", None) == () or not len(value):
        raise InputError(f"{where}: holds {_kind(value)} where a list is expected; get the file again")
    return list(value)


def numbers(
    value: object, where: str, shape: Shape, dtype: type = np.float64, *, finite: bool = True, positive: bool = False
) -> np.ndarray:
    """A value as an array of finite numbers of that shape. where: the file and the key.

    finite: whether NaN and infinite numbers are refused; positive: whether zero and less are. Raises InputError.
    """
    array = _squeezed(_numeric(value, where), shape)
    if array.size == 0 or len(array.shape) != len(shape) or any(w not in (None, n) for n, w in _both(array, shape)):
        raise InputError(f"{where} is {array.shape}; numbers of shape {_said(shape)} are expected; get the file again")
    with np.errstate(over="ignore"):
        array = array.astype(dtype, copy=False)
    if finite and not (good := np.isfinite(array)).all():
        raise InputError(f"{where} has NaN or infinite numbers, {_first(~good)}; get the file again, or leave this out")
    if positive and not (good := array > 0).all():
        raise InputError(f"{where} has numbers that are not above 0, {_first(~good)}; get the file again")
    return array


def flags(value: object, where: str, count: int | None = None) -> np.ndarray:
    """A value (count,) of zeros and ones as booleans. Raises InputError for anything else, NaN too."""
    array = numbers(value, where, (count,))
    if strange := sorted(set(np.unique(array).tolist()) - {0.0, 1.0}):
        raise InputError(f"{where} marks frames with {strange[0]:g}; 0 and 1 are expected; get the file again")
    return array == 1


def texts(value: object, where: str, count: int) -> np.ndarray:
    """A value (count,) of texts, bytes or whole numbers as texts. Raises InputError."""
    items = _squeezed(value if isinstance(value, np.ndarray) else np.asarray(value, object), (count,))
    if items.shape != (count,):
        raise InputError(f"{where} is {items.shape}; texts of shape ({count},) are expected; get the file again")
    if items.dtype.kind == "U":
        return items
    words = np.array([_text(item) for item in items.tolist()])
    if strange := [item for item, text in zip(items.tolist(), words, strict=True) if not text]:
        raise InputError(f"{where} holds {_kind(strange[0])} where a text is expected; get the file again")
    return words


def _text(item: object) -> str:
    """A text; empty for what is none."""
    if isinstance(item, bytes):
        return item.decode("latin1")
    return str(item) if isinstance(item, str | int | np.integer) and not isinstance(item, bool) else ""


def _numeric(value: object, where: str) -> np.ndarray:
    try:
        array = np.asarray(value)
        if array.dtype == object and not any(isinstance(v, str | bytes) for v in array.ravel().tolist()):
            array = np.array(array.tolist(), np.float64)
    except (ValueError, TypeError):
        raise InputError(f"{where} holds rows of different lengths, or no numbers; get the file again") from None
    if value is None or array.dtype.kind not in "buif":
        raise InputError(f"{where} holds {_kind(value)} where numbers are expected; get the file again")
    return array


def _squeezed(array: np.ndarray, shape: Shape) -> np.ndarray:
    """Without the one axis of length 1 at its end or its beginning that it has more than the shape."""
    if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
        return array[..., 0]
    return array[0] if array.ndim == len(shape) + 1 == 2 and len(array) == 1 else array


def _both(array: np.ndarray, shape: Shape) -> zip:
    return zip(array.shape, shape, strict=True)


def _said(shape: Shape) -> str:
    words = [str(n) if n is not None else "any" if i else "N" for i, n in enumerate(shape)]
    return f"({', '.join(words)}{',' if len(words) == 1 else ''})"


def _first(bad: np.ndarray) -> str:
    rows = bad.reshape(len(bad), -1).any(1) if bad.ndim else np.atleast_1d(bad)
    return f"first in row {int(rows.argmax())}"


def _kind(value: object) -> str:
    if value is None or (isinstance(value, list | tuple | dict) and not value):
        return "nothing"
    if isinstance(value, np.ndarray):
        return f"an array of {'objects' if value.dtype == object else value.dtype}"
    return f"a value of type {type(value).__name__}"
