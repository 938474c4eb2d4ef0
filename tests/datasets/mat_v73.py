"""Writes MATLAB files of version 7.3 as MATLAB does: HDF5 with axes in reverse, references for cells and fields."""

from itertools import count
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import loadmat

NUMBERS = count()  # of what is referred to
CLASSES = {"f8": "double", "f4": "single", "u1": "uint8", "i4": "int32", "i8": "int64", "b1": "logical"}


def write_v73(path: Path, variables: dict[str, Any]) -> Path:
    """variables: as scipy's savemat takes them (cells are arrays of objects, structs arrays with named fields)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            _write(file, name, value, file)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")
    return path


def as_v73(path: Path) -> Path:
    """Write a file of version 5 again, in place, as version 7.3."""
    return write_v73(path, {name: value for name, value in loadmat(path).items() if not name.startswith("__")})


def _write(group: h5py.Group, name: str, value: Any, file: h5py.File) -> h5py.Dataset | h5py.Group:
    if isinstance(value, str):
        return _dataset(group, name, np.array([[ord(c)] for c in value], np.uint16).reshape(-1, 1), "char", value == "")
    value = np.atleast_2d(np.asarray(value))
    if value.dtype.names:
        return _struct(group, name, value, file)
    if value.size == 0:
        return _dataset(group, name, np.array(value.shape, np.uint64), "double", True)
    if value.dtype == object:
        return _dataset(group, name, _references(value, file), "cell")
    if value.dtype.kind == "U":
        return _write(group, name, str(value.ravel()[0]), file)
    kind = CLASSES[value.dtype.str[1:]]
    return _dataset(group, name, (value.astype(np.uint8) if kind == "logical" else value).T, kind)


def _struct(group: h5py.Group, name: str, rows: np.ndarray, file: h5py.File) -> h5py.Group:
    made = group.create_group(name)
    made.attrs["MATLAB_class"] = np.bytes_("struct")
    for field in rows.dtype.names:
        if rows.size == 1:
            _write(made, field, rows[field].ravel()[0], file)
        else:  # references without a class tell a struct array from a cell in a struct
            made.create_dataset(field, data=_references(rows[field], file), dtype=h5py.ref_dtype)
    return made


def _references(values: np.ndarray, file: h5py.File) -> np.ndarray:
    kept = file.require_group("#refs#")
    found = np.empty(values.T.shape, h5py.ref_dtype)
    for place, value in np.ndenumerate(values.T):
        found[place] = _write(kept, f"r{next(NUMBERS)}", value, file).ref
    return found


def _dataset(group: h5py.Group, name: str, data: np.ndarray, kind: str, empty: bool = False) -> h5py.Dataset:
    if empty and kind == "char":
        data = np.zeros(2, np.uint64)
    made = group.create_dataset(name, data=data, dtype=h5py.ref_dtype if kind == "cell" else None)
    made.attrs["MATLAB_class"] = np.bytes_(kind)
    if empty:
        made.attrs["MATLAB_empty"] = np.uint8(1)
    return made
