"""Zip files, npz among them, whose bytes are checked before anything in them is used."""

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from studies.errors import InputError

START = b"PK\x03\x04"
FAULTS = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, ValueError, OSError, EOFError
)  # fmt: skip


def fault_of_zip(path: Path) -> str:
    """What is wrong with a zip file, in a few words; "" for one whose members all have their stated checksums.

    Reads the whole file once. A file that states no checksum at all (PyTorch writes such on request) has no fault.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) != _stated_members(path, len(members)):
                return "its list of members is not whole"
            if not any(member.CRC for member in members):
                return ""
            wrong = archive.testzip()
    except FAULTS as error:
        return str(error) or type(error).__name__
    return f"{wrong} is not what was written" if wrong else ""


def read_npz(path: Path, remedy: str) -> dict[str, np.ndarray]:
    """All arrays of an npz file; nothing in it is unpickled.

    Raises InputError, which ends in `remedy`, for a file that is absent, damaged or holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; {remedy}")
    if fault := fault_of_zip(path):
        raise InputError(f"{path}: cannot be read ({fault}); {remedy}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FAULTS as error:
        raise InputError(f"{path}: cannot be read ({error}); {remedy}") from None


def _stated_members(path: Path, counted: int) -> int:
    """Members by the last record of a file, or `counted` where it does not say (a comment, or too many of them)."""
    with path.open("rb") as file:
        file.seek(-22, 2)
        record = file.read()
    stated = int.from_bytes(record[10:12], "little")
    return stated if record.startswith(b"PK\x05\x06") and stated != 0xFFFF else counted
