"""Is a file what its name says? Web pages for files, pointers, messages of servers and cut files are told before use.

What came by a network, or by hand, is looked at by how it begins and ends, and where its kind has checksums of its own
(archives, npz) and `thorough` asks for it, read to its end.
"""

import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

from base.errors import InputError
from base.files import check_directory
from base.foreign import UTF16, data_files
from datasets.disguises import HEAD, SPACE, ZIP, stranger
from datasets.fetching.archives import look_through

MESSAGE = 1 << 16  # bytes: longer ones are no message of a server
CHUNK = 1 << 20
PACKED = (ZIP, b"\x1f\x8b", b"BZh", b"\xfd7zXZ")  # zip, gzip, bzip2, xz
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")
# How files begin whose kind has a mark.
MARKS = {
    ".npy": (b"\x93NUMPY",),
    ".cdf": (b"\xcd\xf3\x00\x01", b"\xcd\xf2\x60\x02", b"\x00\x00\xff\xff"),
    ".png": (b"\x89PNG",),
    ".jpg": (b"\xff\xd8",),
    ".pth": (ZIP, b"\x80"),
}
KINDS = {
    ".npz": "not an npz file",
    ".mat": "not a MATLAB file",
    ".pkl": "not a pickle",
    ".json": "not JSON",
    ".xml": "not XML",
    ".cdf": "not a CDF file",
    ".calibration": "not a calibration of cameras",
} | dict.fromkeys(ARCHIVES, "damaged or not an archive")
OPENING = b"()]}clSIFVNKMJ"  # how pickles of the first two versions begin
MATLAB5, HDF5 = b"MATLAB 5.0", b"\x89HDF\r\n\x1a\n"
MATRIX, COMPRESSED = 14, 15  # types of the top elements of a MATLAB file


@dataclass(frozen=True)
class Expected:
    """What is known of a file. size in bytes; sha256: what it must be or begin with; recorded: the file that holds the
    sum of a first download, if that is where the sum is from; keep: patterns of the wanted names, of an archive.
    """

    size: int | None = None
    sha256: str | None = None
    recorded: Path | None = None
    keep: Sequence[str] = ("*",)


def complaint(path: Path, name: str, expected: Expected, thorough: bool = False) -> str | None:
    """What is wrong with a file or a folder that `name` was wanted as, to follow its path or address; None if nothing.

    thorough: read archives and npz to their end, where their checksums are compared; sums of files are not computed.
    """
    try:
        return _folder_complaint(path) if path.is_dir() else _file_complaint(path, name, expected, thorough)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"


def _file_complaint(path: Path, name: str, expected: Expected, thorough: bool) -> str | None:
    suffix = Path(name).suffix.lower()
    kind = KINDS.get(suffix, "not the file")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
        if other := _stranger(head, size, suffix, path):
            return f"is {kind} but {other}"
        if expected.size not in (None, size):
            return f"has {size:,} bytes instead of {expected.size:,}"
        if suffix in ARCHIVES:
            return _archive_complaint(path, head, expected.keep, thorough)
        reason = LOOKS[suffix](file, head, thorough) if suffix in LOOKS else _mark_complaint(head, suffix)
    return f"is {kind} ({reason})" if reason else None


def _folder_complaint(folder: Path) -> str | None:
    """Of the files directly in a folder; what lies deeper, frames for instance, are too many to look at."""
    files = data_files(folder, "*")
    if not files:
        return "is an empty folder"
    complaints = (
        (file.name, wrong) for file in files if file.is_file() and (wrong := complaint(file, file.name, Expected()))
    )
    return next((f"holds {name}, which {wrong}" for name, wrong in complaints), None)


def _stranger(head: bytes, size: int, suffix: str, path: Path) -> str | None:
    """What else a file is, where anything but the wanted file came."""
    text = head.lstrip(SPACE)
    if not text:
        return "empty" if not size else "blank" if size <= HEAD else None
    if other := stranger(head, markup=suffix == ".xml"):
        return f"{other.what}: {other.remedy}"
    if suffix != ".json" and text.startswith(b"{") and size <= MESSAGE:
        try:
            return f"a message: {' '.join(json.dumps(json.loads(path.read_bytes())).split())[:80]}"
        except ValueError:
            return None
    return None


def _archive_complaint(path: Path, head: bytes, keep: Sequence[str], thorough: bool) -> str | None:
    if not head.startswith(PACKED):
        try:
            tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            return f"is damaged or not an archive ({error})"
    elif head.startswith(b"PK") and not zipfile.is_zipfile(path):
        return "is damaged or not an archive (a zip without its end)"
    if not thorough:
        return None
    try:
        return None if look_through(path, keep) else f"holds none of {', '.join(keep)}; is it the right file?"
    except InputError as error:
        return str(error).removeprefix(f"{path}: ").rpartition(";")[0]


def _mark_complaint(head: bytes, suffix: str) -> str | None:
    marks = MARKS.get(suffix)
    return "its first bytes are wrong" if marks and not head.startswith(marks) else None


def _npz_complaint(file: BinaryIO, head: bytes, thorough: bool) -> str | None:
    try:
        with zipfile.ZipFile(file) as archive:
            check_directory(archive)
            if not (names := archive.namelist()) or not all(name.endswith(".npy") for name in names):
                return "it holds other things than arrays" if names else "it holds no array"
            damaged = archive.testzip() if thorough else None
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, OSError, RuntimeError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return f"{damaged} is damaged" if damaged else None


def _mat_complaint(file: BinaryIO, head: bytes, thorough: bool) -> str | None:
    """Version 5 is walked through, element by element; version 7.3 is HDF5 behind half a kilobyte of text."""
    if not head.startswith(MATLAB5):
        return None if HDF5 in (head[:8], head[512:520]) else "neither version 5 nor 7.3"
    order = ">" if head[126:128] == b"MI" else "<"
    size, place = file.seek(0, 2), 128
    while place < size:
        file.seek(place)
        tag = file.read(8)
        kind, length = struct.unpack(f"{order}II", tag) if len(tag) == 8 else (MATRIX, size)
        place += 8 + length
        if place > size:
            return "it is cut"
        if kind not in (MATRIX, COMPRESSED):
            return "it is damaged"
        if thorough and kind == COMPRESSED and not _inflates(file, length):
            return "it is damaged"
    return "it holds nothing" if size <= 128 else None


def _inflates(file: BinaryIO, length: int) -> bool:
    """Whether the next bytes are a whole compressed stream with the right checksum."""
    stream = zlib.decompressobj()
    try:
        while length > 0 and (chunk := file.read(min(CHUNK, length))):
            length -= len(chunk)
            while chunk:
                stream.decompress(chunk, CHUNK)
                chunk = stream.unconsumed_tail
    except zlib.error:
        return False
    return stream.eof


def _pickle_complaint(file: BinaryIO, head: bytes, thorough: bool) -> str | None:
    """All end with a full stop; of the first versions, which have no mark, nothing more is certain at a glance."""
    marked = head.startswith(b"\x80")
    if thorough and not marked and head[:1] not in OPENING:
        return "its first bytes are wrong"
    file.seek(-1, 2)
    return "it is cut" if (marked or thorough) and file.read(1) != b"." else None


def _json_complaint(file: BinaryIO, head: bytes, thorough: bool) -> str | None:
    if not thorough:
        return None if head.lstrip(SPACE).startswith((b"[", b"{", *UTF16)) else "its first bytes are wrong"
    file.seek(0)
    try:
        json.loads(file.read())
    except (ValueError, RecursionError) as error:
        return " ".join(str(error).split())
    return None


def _xml_complaint(file: BinaryIO, head: bytes, thorough: bool) -> str | None:
    file.seek(0)
    try:
        ElementTree.parse(file)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        return " ".join(str(error).split())
    return None


def _calibration_complaint(file: BinaryIO, head: bytes, thorough: bool) -> str | None:
    return None if b"intrinsic" in head else "it names no intrinsic numbers"


LOOKS: dict[str, Callable[[BinaryIO, bytes, bool], str | None]] = {
    ".npz": _npz_complaint,
    ".mat": _mat_complaint,
    ".pkl": _pickle_complaint,
    ".json": _json_complaint,
    ".xml": _xml_complaint,
    ".calibration": _calibration_complaint,
}
