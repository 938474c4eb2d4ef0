"""What to say of a file that cannot be read: what it really is, where its first bytes tell, and what to do then."""

from pathlib import Path

from base.errors import InputError

AGAIN = "get it again from where it came"
HEAD = 1024  # bytes that are looked at
# What stands for the file that is meant: its first bytes, what it is, what to do.
MARKS = (
    (b"version https://git-lfs", "it is a pointer of Git LFS, not the file", "run `git lfs pull` where it came from"),
    (b"\x1f\x8b", "it is packed with gzip", "unpack it"),
    (b"Rar!", "it is a RAR archive", "unpack it"),
    (b"7z\xbc\xaf", "it is a 7z archive", "unpack it"),
    (b"\x93NUMPY", "it is a single array of NumPy (.npy)", "get the file that is meant"),
    (b"# Created by Octave", "it is in Octave's text form", "save it with `save -v7` in Octave"),
)
ZIP = b"PK\x03\x04"
PAGE = (b"<!doctype html", b"<html", b"<head", b"<?xml")


def unreadable(
    path: Path, error: Exception, kind: str = "", remedy: str = AGAIN, *, zipped: bool = False
) -> InputError:
    """One line about a file that `error` kept from being read, as whatever `kind` names ("MATLAB file").

    remedy: what to do where the file is of its kind, but damaged; zipped: whether files of its kind are zip archives.
    """
    if not path.exists():
        return InputError(f"{path}: no such file")
    what, remedy = _disguise(path, zipped) or (_told(error), remedy)
    return InputError(f"{path}: cannot be read{kind and f' as {kind}'} ({what}); {remedy}")


def _disguise(path: Path, zipped: bool) -> tuple[str, str] | None:
    """What the file is instead, and the remedy; None where its first bytes do not tell."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        return f"{error.strerror}", "check its place and its permissions"
    if not head.strip(b"\0"):
        return "it is empty", AGAIN
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(PAGE):
        return "it is a web page, an error or a login that was saved in its place", "download it again, signed in"
    if head.startswith(ZIP) and not zipped:
        return "it is a zip archive", "unpack it, or get the file that is meant"
    return next(((what, remedy) for mark, what, remedy in MARKS if head.startswith(mark)), None)


def _told(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
