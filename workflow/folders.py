"""Whether the workflow can write where it will have to: asked before anything starts, answered in one line."""

import os
from pathlib import Path

from base.errors import InputError


def check_folders(*folders: str | Path) -> None:
    """Raises InputError naming the first of `folders` that is no folder, or cannot be made or written."""
    for folder in map(Path, folders):
        place = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not place.is_dir():
            raise InputError(f"{place}: is not a folder; move it away")
        if not os.access(place, os.W_OK | os.X_OK):
            raise InputError(f"{place.resolve()}: cannot be written; fix its permissions or work in another copy")
