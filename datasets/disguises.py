"""What a file really is that came in another's place, where its first bytes tell, and what to do then."""

from dataclasses import dataclass
from pathlib import Path

from base.errors import InputError

AGAIN = "get it again from where it came"
HEAD = 1024  # bytes that are looked at
ZIP = b"PK\x03\x04"
SPACE = b"\xef\xbb\xbf \t\r\n"
HTML = (b"<!doctype html", b"<html", b"<head")


@dataclass(frozen=True)
class Disguise:
    """What the file is instead, and the remedy."""

    what: str
    remedy: str


PAGE = Disguise("a web page", "sign in, or accept the licence, at that address in a browser, and save the file itself")
POINTER = Disguise("a pointer of Git LFS", "get the file itself with `git lfs pull`")
MARKS = {
    b"\x1f\x8b": Disguise("packed with gzip", "unpack it"),
    b"Rar!": Disguise("a RAR archive", "unpack it"),
    b"7z\xbc\xaf": Disguise("a 7z archive", "unpack it"),
    b"\x93NUMPY": Disguise("a single array of NumPy (.npy)", "get the right file"),
    b"# Created by Octave": Disguise("in Octave's text form", "save it with `save -v7` in Octave"),
}


def stranger(head: bytes, *, markup: bool = False) -> Disguise | None:
    """A web page or a pointer in the place of any file, by its first bytes; markup: whether it is to be XML."""
    text = head.lstrip(SPACE).lower()
    if text.startswith(HTML) or (text.startswith(b"<") and not markup):
        return PAGE
    return POINTER if text.startswith(b"version https://git-lfs") else None


def unreadable(
    path: Path, error: Exception, kind: str = "", remedy: str = AGAIN, *, zipped: bool = False
) -> InputError:
    """One line about a file that `error` kept from being read, as whatever `kind` names ("MATLAB file").

    remedy: what to do where the file is of its kind, but damaged; zipped: whether files of its kind are zip archives.
    """
    if not path.exists():
        return InputError(f"{path}: no such file")
    reason = " ".join(str(error).split()) or type(error).__name__
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as trouble:
        reason, remedy = str(trouble.strerror), "check its place and its permissions"
    else:
        if disguise := _disguise(head, zipped):
            reason, remedy = f"it is {disguise.what}", disguise.remedy
    return InputError(f"{path}: cannot be read{kind and f' as {kind}'} ({reason}); {remedy}")


def _disguise(head: bytes, zipped: bool) -> Disguise | None:
    if not head.strip(b"\0"):
        return Disguise("empty", AGAIN)
    if head.startswith(ZIP) and not zipped:
        return Disguise("a zip archive", "unpack it, or get the right file")
    marked = next((disguise for mark, disguise in MARKS.items() if head.startswith(mark)), None)
    return stranger(head) or marked
