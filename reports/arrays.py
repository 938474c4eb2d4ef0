"""Reading the arrays that runs and measurements left behind; nothing in a file is unpickled."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from base import files
from base.errors import InputError


class NotThere(Exception):  # noqa: N818 (it is no error: the file was not asked for)
    """An ingredient is not there; the message says which, and what would make it."""


def answered(outputs: Iterable[np.ndarray]) -> np.ndarray:
    """Row numbers for which all networks gave an answer, (N, J, 3) each; NaN stands where none was asked for."""
    return np.flatnonzero(np.logical_and.reduce([np.isfinite(array).all((1, 2)) for array in outputs]))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Arrays of an npz file; nothing in it is unpickled. Raises NotThere if absent, InputError if unreadable."""
    if not path.is_file():
        raise NotThere(f"{path.name} is not there; `make` makes it")
    return files.read_arrays(path)


def read_array(path: Path, name: str) -> np.ndarray:
    """One array of an npz file. Raises InputError where the file lacks it."""
    arrays = read_arrays(path)
    if name not in arrays:
        raise InputError(f"{path}: has no array {name!r}; delete it and run `make` again")
    return arrays[name]
