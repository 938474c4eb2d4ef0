"""Zip files: their bytes checked before anything in them is used, and the same bytes for the same files."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from base.files import check_directory, write_whole

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
            check_directory(archive)
            if not any(member.CRC for member in archive.infolist()):
                return ""
            wrong = archive.testzip()
    except FAULTS as error:
        return str(error) or type(error).__name__
    return f"{wrong} is not what was written" if wrong else ""


def write_zip(path: Path, files: Mapping[str, Path]) -> Path:
    """Pack files under the names they get; without their dates, so that equal files give equal bytes."""

    def write(unfinished: Path) -> None:
        with zipfile.ZipFile(unfinished, "w") as archive:
            for name, file in files.items():
                archive.writestr(zipfile.ZipInfo(name), file.read_bytes(), zipfile.ZIP_DEFLATED)

    return write_whole(path, write)
