"""Unpacking archives that strangers made: nothing outside of the folder, no links, no bombs, no half-written file.

A tar may come in several parts, read one after the other as one stream. What stands in an archive under a name that is
not plain ends the unpacking in one line, before anything of that member is written.

The standard library's own safe filter (`tarfile.data_filter`) lets links inside the folder pass and knows nothing of
sizes; data need neither.
"""

import bz2
import errno
import fnmatch
import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from base.errors import InputError
from base.files import check_directory, write_whole
from base.foreign import is_clutter

CHUNK = 1 << 20
MOST_INFLATED = 200  # times the archive's own size: pictures and annotations shrink by far less
# What the readers of tar and zip raise on bytes that are not as they should be.
FAULTS = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, RuntimeError)
FAULTS += (ValueError, OverflowError, KeyError, IndexError)
PACKED = {  # how packed streams begin, and what reads them
    rb"\x1f\x8b": gzip.open,
    rb"BZh[1-9]1AY&SY": bz2.open,
    rb"\xfd7zXZ\0": lzma.open,
}


Members = Iterator[tuple[str, IO[bytes]]]


def unpack(archives: Sequence[Path], folder: Path, keep: Sequence[str] = ("*",), password: str | None = None) -> int:
    """Write the files of a tar (whole, or in parts in their order) or of a zip into `folder`; returns how many.

    keep: patterns of the names that are wanted; password: of a zip. What systems leave beside data (`__MACOSX/._NAME`)
    is passed over. Files appear whole; ones that are there already are written again. Raises InputError in one line: no
    archive, cut or damaged, wrong password, a name that leads out of the folder, a link or device, more inside than an
    archive of its size may hold, or a disk that does not take it.
    """
    try:
        with _told(archives[0]):
            _check_stream(archives)
            return _write_all(_members(archives, keep, password), folder, _most(archives), archives[0])
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); free the disk") from None


def look_through(archive: Path, keep: Sequence[str] = ("*",)) -> int:
    """Read all that `unpack` would write, and write nothing: how many files. Raises InputError as `unpack`.

    What needs a password is not read.
    """
    count, left = 0, _most([archive])
    with _told(archive):
        for _, content in _members([archive], keep, None, locked=False):
            while chunk := content.read(CHUNK):
                left = _checked(left - len(chunk), archive)
            count += 1
    return count


@contextmanager
def _told(shown: Path) -> Iterator[None]:
    """Say in one line what is wrong with an archive; errors of the disk pass."""
    try:
        yield
    except (*FAULTS, OSError) as error:
        # Packed streams have errors without a number, and places before the file's beginning are invalid.
        if isinstance(error, InputError) or getattr(error, "errno", None) not in (None, errno.EINVAL):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{shown}: is damaged or not an archive ({reason}); delete it and get it again") from None


def _members(archives: Sequence[Path], keep: Sequence[str], password: str | None, locked: bool = True) -> Members:
    """Names and contents of the wanted files, each to be read before the next; locked: also what needs a password."""
    if not archives[1:] and zipfile.is_zipfile(archives[0]):
        return _zipped(archives[0], keep, password, locked)
    return _tarred(archives, keep)


def _most(archives: Sequence[Path]) -> int:
    """Bytes that archives of this size may hold."""
    return MOST_INFLATED * max(sum(path.stat().st_size for path in archives), CHUNK)


def _checked(left: int, shown: Path) -> int:
    if left < 0:
        raise InputError(f"{shown}: holds more than {MOST_INFLATED} times its size; do not trust this file")
    return left


def _write_all(members: Members, folder: Path, most: int, shown: Path) -> int:
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
                left = _checked(left - len(chunk), shown)
                file.write(chunk)

    write_whole(target, copy)
    return left


def _plain(name: str, shown: Path) -> PurePosixPath:
    """A member's name, if it leads downwards only."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or not path.parts or ".." in path.parts or ":" in path.parts[0]:
        raise InputError(f"{shown}: holds {name!r}, which points outside its folder; do not trust this file")
    return path


class _Member(tarfile.TarInfo):
    """A member whose header is whole; the standard library takes a damaged one, and a cut, for the archive's end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        """The next member. Raises tarfile.ReadError where its header is damaged or the archive ends before its end."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at byte {tarfile_.offset}") from None


@contextmanager
def _stream(archives: Sequence[Path]) -> Iterator[IO[bytes]]:
    """What the files hold one after the other, unpacked if it is packed.

    The standard library's own way to read packed tars does not look at their checksums; reading this to its end does.
    """
    with io.BufferedReader(_Joined(archives)) as file:
        head = file.read(10)
    packed = next((reader for magic, reader in PACKED.items() if re.match(magic, head)), None)
    with io.BufferedReader(_Joined(archives)) as file, packed(file) if packed else file as stream:
        yield stream


def _check_stream(archives: Sequence[Path]) -> None:
    """Compare the checksum of a packed stream, which stands at its end, before anything of it is written."""
    left = _most(archives)
    with _stream(archives) as stream:
        while not isinstance(stream, io.BufferedReader) and (chunk := stream.read(CHUNK)):
            left = _checked(left - len(chunk), archives[0])


def _tarred(archives: Sequence[Path], keep: Sequence[str]) -> Members:
    with _stream(archives) as stream:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:
            for member in archive:
                if member.isdir():
                    continue
                if not member.isreg():
                    raise InputError(
                        f"{archives[0]}: holds {member.name!r}, which is not a plain file; do not trust this file"
                    )
                if _wanted(member.name, keep):
                    yield member.name, archive.extractfile(member)
        while stream.read(CHUNK):  # to its end, for the checksum
            pass


def _zipped(path: Path, keep: Sequence[str], password: str | None, locked: bool) -> Members:
    with zipfile.ZipFile(path) as archive:
        check_directory(archive)
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir():
                continue
            if kind not in (0, stat.S_IFREG):
                raise InputError(f"{path}: holds {info.filename!r}, which is not a plain file; do not trust this file")
            if not _wanted(info.filename, keep):
                continue
            if info.flag_bits & 1 and not locked:
                yield info.filename, io.BytesIO()
                continue
            with closing(_opened(archive, info, password, path)) as content:
                yield info.filename, content


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo, password: str | None, path: Path) -> IO[bytes]:
    try:
        return archive.open(info, pwd=password.encode() if password else None)
    except NotImplementedError:
        raise
    except RuntimeError as error:  # what zipfile says of passwords
        raise InputError(f"{path}: {error}; check the password") from None


def _wanted(name: str, keep: Sequence[str]) -> bool:
    plain = name.replace("\\", "/").removeprefix("./")
    return not is_clutter(PurePosixPath(plain)) and any(fnmatch.fnmatch(plain, pattern) for pattern in keep)


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
