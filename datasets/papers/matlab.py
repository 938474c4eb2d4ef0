"""MATLAB files of every version as the same arrays: 4 and 5 to 7 (read by scipy) and 7.3, which is HDF5.

In HDF5 the axes of an array stand in reverse; cells and fields are references; texts are numbers of characters; of what
is empty there is the shape. Source: what MATLAB itself writes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from base.errors import InputError
from datasets.disguises import unreadable

if TYPE_CHECKING:
    import h5py

REMEDY = "unpack or get it again, or save it with `save -v7` in MATLAB"


def read_mat(path: str | Path, *keys: str) -> dict[str, Any]:
    """The variables of these names, with the axes that MATLAB gives them, at least two.

    Numbers are arrays; a text is a string; a cell array is an array of objects, a struct array one of dictionaries,
    both with such values in turn. Raises InputError: absent, no MATLAB file (which says what it is instead), cut off,
    or without one of the variables.
    """
    import h5py  # these two take a while to import
    from scipy.io import loadmat, whosmat

    path = Path(path)
    try:
        if path.is_file() and h5py.is_hdf5(path):
            with h5py.File(path) as file:
                variables = {key: _from_hdf5(file[key], file) for key in keys if key in file}
                holds, version = [name for name in file if not name.startswith("#")], "7.3"
        else:
            content = loadmat(path, appendmat=False, variable_names=keys)
            variables = {key: _from_scipy(content[key]) for key in keys if key in content}
            holds, version = [name for name, *_ in whosmat(path, appendmat=False)], "4 to 7"
    except Exception as error:  # scipy and h5py raise what they like on bytes that are not theirs
        raise unreadable(path, error, "MATLAB file", REMEDY) from None
    if missing := [key for key in keys if key not in variables]:
        raise InputError(
            f"{path}: has no {missing[0]!r}, it holds {', '.join(holds) or 'nothing'} (read as MATLAB {version}); "
            "is it the right file?"
        )
    return variables


def _from_scipy(value: Any) -> Any:
    """What scipy made of a variable, as `read_mat` gives it."""
    from scipy.sparse import issparse

    if issparse(value):
        return value.toarray()
    if value.dtype.names:
        return _objects(value, lambda row: {name: _from_scipy(row[name]) for name in value.dtype.names})
    if value.dtype == object:
        return _objects(value, _from_scipy)
    if value.dtype.kind == "U":
        return str(value.ravel()[0]) if value.size == 1 else _objects(value, str) if value.size else ""
    return value


def _from_hdf5(item: "h5py.Dataset | h5py.Group", file: "h5py.File") -> Any:
    """A variable of version 7.3, as `read_mat` gives it."""
    import h5py

    if isinstance(item, h5py.Group):
        return _structs(item, file)
    kind = item.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if item.attrs.get("MATLAB_empty", 0):
        return "" if kind == "char" else np.zeros(item[()].astype(int), object if kind in ("cell", "struct") else float)
    value = np.asarray(item[()]).T
    if item.dtype == h5py.ref_dtype:
        return _objects(value, lambda reference: _from_hdf5(file[reference], file))
    if kind == "char":
        lines = ["".join(map(chr, line)) for line in np.atleast_2d(value)]
        return lines[0] if len(lines) == 1 else np.array(lines, object)
    return value


def _structs(group: "h5py.Group", file: "h5py.File") -> np.ndarray:
    """A struct array: each field is references to the values of all, or the value itself where there is one struct."""
    import h5py

    if "MATLAB_sparse" in group.attrs:
        raise ValueError(f"{group.name} is a sparse matrix")
    several = [
        isinstance(field, h5py.Dataset) and field.dtype == h5py.ref_dtype and "MATLAB_class" not in field.attrs
        for field in group.values()
    ]
    fields = {name: _from_hdf5(field, file) for name, field in group.items()}
    if not several or not all(several):
        return _objects(np.zeros((1, 1)), lambda _: fields)
    shape = next(iter(fields.values())).shape
    rows = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    return _objects(rows, lambda row: {name: values.ravel()[row] for name, values in fields.items()})


def _objects(array: np.ndarray, made: Callable[[Any], Any]) -> np.ndarray:
    """An array of objects of the same shape, each made of an element."""
    objects = np.empty(array.size, object)
    for i, value in enumerate(array.ravel()):
        objects[i] = made(value)
    return objects.reshape(array.shape)
