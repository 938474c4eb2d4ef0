"""Whole files or none: a file appears under its name only when it is complete, and is checked when it is read.

Imported while Snakemake parses the workflow: numpy and pandas are imported where they are used.
"""

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from base.errors import InputError

END_OF_DIRECTORY = b"PK\5\6"
MANY = 0xFFFF  # files of a zip: their number stands elsewhere then

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# What readers of zip and of arrays raise on bytes that are not as they should be.
DAMAGED = (BadZipFile, zlib.error, EOFError, OSError, struct.error, RuntimeError, ValueError, KeyError, TypeError)
DAMAGED += (SyntaxError, TokenError, OverflowError, MemoryError)


def write_whole(path: Path, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a temporary file beside `path`, then rename it; a failure leaves nothing behind.

    The temporary name keeps the suffix, from which writers guess the format.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text, whole or not at all."""
    return write_whole(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def write_arrays(path: Path, arrays: "Mapping[str, np.ndarray]", compressed: bool = False) -> Path:
    """Write arrays as an npz, whole or not at all; the same arrays give the same bytes."""
    import numpy as np

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # np.savez adds .npz to a name, but not to an open file
            (np.savez_compressed if compressed else np.savez)(file, **arrays)

    return write_whole(path, write)


def write_csv(path: str | Path, table: "pd.DataFrame") -> Path:
    """Write a table without its index, whole or not at all."""
    return write_whole(Path(path), lambda part: table.to_csv(part, index=False, lineterminator="\n"))


def write_rows(path: str | Path, kind: type, rows: Iterable[object]) -> Path:
    """Write instances of a dataclass as CSV, a field a column; whole numbers stay whole, None leaves a cell empty."""
    import pandas as pd

    columns = [field.name for field in fields(kind)]
    return write_csv(path, pd.DataFrame(list(rows), columns=columns, dtype=object))


def read_json(path: str | Path, remedy: str = "delete it and run `make` again") -> dict:
    """The mapping that a JSON file holds. Raises InputError naming the file, and `remedy`, where it holds none."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {remedy}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: is no JSON; {remedy}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no mapping of keys to values; {remedy}")
    return content


def read_csv(
    path: str | Path,
    columns: Iterable[str],
    remedy: str = "run `make` again",
    numbers: Iterable[str] = (),
    unique: Sequence[str] = (),
    **how,
) -> "pd.DataFrame":
    """A table that has at least these columns. `how`: what else `pandas.read_csv` is told.

    numbers : columns of finite numbers, NaN where a cell is empty; unique : columns that no two rows have all alike
    Raises InputError naming the file, and `remedy`, if it is absent, no CSV file, cut off, lacks a column, has another
    thing for a number, or a row twice.
    """
    import numpy as np
    import pandas as pd

    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; {remedy}")
    try:
        table = pd.read_csv(path, **how)
    except (OSError, ValueError):  # pandas' own errors are ValueErrors
        raise InputError(f"{path}: is no CSV file; delete it and {remedy}") from None
    if not _ends_in_a_line(Path(path)):
        raise InputError(f"{path}: is cut off within a line; delete it and {remedy}")
    if lacking := [name for name in columns if name not in table]:
        raise InputError(f"{path}: lacks the columns {', '.join(lacking)}; delete it and {remedy}")
    for name in numbers:
        given, found = table[name].notna() & (table[name] != ""), pd.to_numeric(table[name], errors="coerce")
        if len(wrong := table[name][given & ~np.isfinite(found.astype(float))]):
            raise InputError(f"{path}: {name} {str(wrong.iloc[0])!r} is no number; delete it and {remedy}")
        table[name] = found.astype(float)
    if unique and (twice := table.duplicated(list(unique))).any():
        said = ", ".join(str(value) for value in table.loc[twice, list(unique)].iloc[0])
        raise InputError(f"{path}: has a row twice ({said}); delete it and {remedy}")
    return table


def _ends_in_a_line(path: Path) -> bool:
    """Whether a table ends as all that are written do; an empty one is none, which who reads it says."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read() in (b"", b"\n")


def check_directory(archive: ZipFile) -> None:
    """Raise BadZipFile where a zip lists fewer files than it says: one torn entry may swallow those behind it."""
    archive.fp.seek(max(0, archive.start_dir))
    end = archive.fp.read()
    place = end.rfind(END_OF_DIRECTORY)
    (count,) = struct.unpack("<H", end[place + 10 : place + 12])
    if count not in (len(archive.filelist), MANY):
        raise BadZipFile(f"{len(archive.filelist)} of {count} files are listed")


def read_arrays(path: Path, remedy: str = "delete it and run `make` again") -> "dict[str, np.ndarray]":
    """Arrays of an npz file by name; nothing in it is unpickled.

    numpy reads as much of a member as its header asks for, and compares its checksum only if that is all of it. Here
    each is read to its end. Raises InputError naming the file, and `remedy`, if it is absent, damaged or no npz.
    """
    import numpy as np

    arrays = {}
    try:
        with ZipFile(path) as archive:
            check_directory(archive)
            for name in archive.namelist():
                with archive.open(name) as member:
                    arrays[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
                    if member.read(1):
                        raise ValueError(f"{name} holds more than its array")
    except DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason}); {remedy}") from None
    return arrays
