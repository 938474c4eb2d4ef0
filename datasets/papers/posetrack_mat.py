"""PoseTrack 2017's official .mat files, as the lists and dictionaries that its JSON files hold."""

from pathlib import Path
from typing import Any

import numpy as np

from datasets.papers import matlab


def read_mat(path: Path) -> dict[str, Any]:
    """{"annolist": [...]} as `datasets.video.posetrack` reads it. Raises InputError naming the file."""
    return {name: _plain(value) for name, value in matlab.read_mat(path, "annolist").items()}


def _plain(value: Any) -> Any:
    """Struct arrays as lists of dictionaries, arrays of numbers and cells as lists: one alone is a list of one."""
    if isinstance(value, dict):
        return {name: _plain(field) for name, field in value.items()}
    return [_plain(item) for item in value.ravel().tolist()] if isinstance(value, np.ndarray) else value
