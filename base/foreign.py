"""Files that others made: text in any encoding, and folders with what systems leave beside data."""

import codecs
from pathlib import Path, PurePath

from base.errors import InputError

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
DOS_END = "\x1a"  # what old editors put at the end of a file
HIDDEN = (".", "~$")  # how names of hidden files begin: ._NAME, .DS_Store, .ipynb_checkpoints, .~lock.NAME#
SYSTEM = {
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "#recycle", "$recycle.bin", "lost+found",
    "system volume information", "icon\r",
}  # fmt: skip


def read_text(path: Path, remedy: str) -> str:
    """Text that others wrote: UTF-8 or UTF-16 by its byte order mark, else UTF-8, else Latin-1; line ends as they are.

    Raises InputError, which ends with `remedy`, for a file that cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    try:
        text = data.decode("utf-16" if data.startswith(UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.rstrip(DOS_END)


def is_clutter(path: PurePath) -> bool:
    """Whether a relative path is hidden, or what a system keeps beside data, or lies in such a folder."""
    parts = (part for part in path.parts if part not in (".", ".."))
    return any(part.startswith(HIDDEN) or part.lower() in SYSTEM for part in parts)


def data_files(folder: Path, pattern: str) -> list[Path]:
    """Files and folders below `folder` that match a pattern of Path.glob, sorted, without clutter (`is_clutter`)."""
    return sorted(path for path in folder.glob(pattern) if not is_clutter(path.relative_to(folder)))
