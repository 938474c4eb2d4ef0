"""Folders that are whole or absent, and the digest of the code that prepared data were made with."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from base.closure import ROOT, closure
from base.errors import InputError
from base.foreign import data_files

CARDS = ("card.json", "*/card.json")  # of a set of prepared data, or of each of its parts


def code_stamp(*modules: str) -> dict[str, str]:
    """Version and digest of the code that prepared data depend on, for their card."""
    digest = hashlib.sha256()
    for path in closure(*modules):
        digest.update(path.encode() + b"\0" + (ROOT / path).read_bytes())
    return {"version": version("ssmpose"), "sha256": digest.hexdigest()}


@contextmanager
def whole_folder(final: Path, marks: Sequence[str] = CARDS, what: str = "prepared data") -> Iterator[Path]:
    """A new folder to write into, which takes its final name when the body has ended without error.

    marks : patterns of files, one of which tells that an older folder of that name is ours to replace
    Raises InputError where a folder of that name has files and none of the marks, is a link, or cannot be written.
    """
    ours = any(data_files(final, mark) for mark in marks)
    if final.is_dir() and data_files(final, "*") and not ours:
        raise InputError(f"{final}: exists and holds no {what}; choose another folder or empty it")
    if final.is_symlink():  # the target of a link may be somebody else's
        raise InputError(f"{final}: is a link; remove it, or let the folder above it be one")
    part = final.with_name(f".{final.name}.part")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)  # left behind by a killed run
        part.mkdir()
        yield part
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)
    except OSError as error:
        raise InputError(
            f"{final}: cannot be written ({error.strerror}); free the disk or fix its permissions"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
