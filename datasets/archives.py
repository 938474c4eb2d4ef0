"""Unpacking archives that strangers made: nothing outside of the folder, no links, no bombs, no half-written file.

A tar may come in several parts, read one after the other as one stream. What stands in an archive under a name that is
not plain ends the unpacking in one line, before anything of that member is written.

The standard library's own safe filter (`tarfile.data_filter`) lets links inside the folder pass and knows nothing of
sizes; data need neither.
"""

import fnmatch
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from studies.errors import InputError
from studies.files import write_whole

CHUNK = 1 << 20
MOST_INFLATED = 200  # times the archive's own size: pictures and annotations shrink by far less


def unpack(archives: Sequence[Path], folder: Path, keep: Sequence[str] = ("*",), password: str | None = None) -> int:
    """Write the files of a tar (whole, or in parts in their order) or of a zip into `folder`; returns how many.

    keep: patterns of the names that are wanted; password: of a zip. Files appear whole; ones that are there already are
    written again. Raises InputError in one line: no archive, cut or damaged, wrong password, a name that leads out of
    the folder, a link or device, more inside than an archive of its size may hold, or a disk that does not take it.
    """
    most = MOST_INFLATED * max(sum(path.stat().st_size for path in archives), CHUNK)
    shown = archives[0]
    try:
        if not archives[1:] and zipfile.is_zipfile(shown):
            return _write_all(_zipped(shown, keep, password), folder, most, shown)
        return _write_all(_tarred(archives, keep), folder, most, shown)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{shown}: is damaged or no archive ({error}); delete it and get it again") from None
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error}); free the disk") from None


def _write_all(members: Iterator[tuple[str, IO[bytes]]], folder: Path, most: int, shown: Path) -> int:
    count, left = 0, most
    for name, content in members:
        target = folder / _plain(name, shown)
        target.parent.mkdir(parents=True, exist_ok=True)
        left = _write(content, target, left, shown)
        count += 1
    return count


def _write(content: IO[bytes], target: Path, left: int, shown: Path) -> int:
    """Write a file; returns how many bytes more the archive may hold."""

    def copy(part: Path) -> None:
        nonlocal left
        with part.open("wb") as file:
            while chunk := content.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise InputError(f"{shown}: holds more than {MOST_INFLATED} times its size; do not trust this file")
                file.write(chunk)

    write_whole(target, copy)
    return left


def _plain(name: str, shown: Path) -> PurePosixPath:
    """A member's name, if it leads downwards only."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or not path.parts or ".." in path.parts or ":" in path.parts[0]:
        raise InputError(f"{shown}: holds {name!r}, which leads out of its folder; do not trust this file")
    return path


def _tarred(archives: Sequence[Path], keep: Sequence[str]) -> Iterator[tuple[str, IO[bytes]]]:
    with io.BufferedReader(_Joined(archives)) as stream, tarfile.open(fileobj=stream, mode="r|*") as archive:
        for member in archive:
            if member.isdir():
                continue
            if not member.isreg():
                raise InputError(
                    f"{archives[0]}: holds {member.name!r}, which is no plain file; do not trust this file"
                )
            if _wanted(member.name, keep):
                yield member.name, archive.extractfile(member)


def _zipped(path: Path, keep: Sequence[str], password: str | None) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir():
                continue
            if kind not in (0, stat.S_IFREG):
                raise InputError(f"{path}: holds {info.filename!r}, which is no plain file; do not trust this file")
            if not _wanted(info.filename, keep):
                continue
            try:
                content = archive.open(info, pwd=password.encode() if password else None)
            except RuntimeError as error:  # what zipfile says of passwords
                raise InputError(f"{path}: {error}; check the password") from None
            with content:
                yield info.filename, content


def _wanted(name: str, keep: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name.removeprefix("./"), pattern) for pattern in keep)


class _Joined(io.RawIOBase):
    """Several files read as one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self.rest, self.file = list(paths), None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        while True:
            if self.file is None:
                if not self.rest:
                    return 0
                self.file = self.rest.pop(0).open("rb")
            if count := self.file.readinto(buffer):
                return count
            self.file.close()
            self.file = None

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
        super().close()
