"""PoseTrack 2017's official .mat files, as the lists and dictionaries that its JSON files hold."""

from pathlib import Path
from typing import Any

import numpy as np

from studies.errors import InputError

LISTS = (
    "annolist",
    "annorect",
    "point",
    "ignore_regions",
)  # fields that hold several, though MATLAB may store one alone


def read_mat(path: Path) -> dict[str, Any]:
    """{"annolist": [...]} as `datasets.video.posetrack` reads it. Raises InputError naming the file."""
    from scipy.io import loadmat  # scipy.io takes a while

    try:
        content = loadmat(path, squeeze_me=True, struct_as_record=False, variable_names=["annolist"])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except Exception as error:  # scipy raises what it likes on bytes that are not its own
        raise InputError(f"{path}: cannot be read as MATLAB file ({error}); get it again") from None
    if "annolist" not in content:
        raise InputError(f"{path}: has no annolist; is it an annotation file of PoseTrack 2017?")
    return {"annolist": _plain(content["annolist"], "annolist")}


def _plain(value: Any, field: str) -> Any:
    """Structs as dictionaries, arrays as lists, numbers as Python's."""
    if hasattr(value, "_fieldnames"):
        found = {name: _plain(getattr(value, name), name) for name in value._fieldnames}
        return [found] if field in LISTS else found
    if isinstance(value, np.ndarray):
        return [_plain(item, "") for item in value.ravel()]
    return value.item() if isinstance(value, np.generic) else value
