"""What became of the checkout's files since a revision of it."""

from collections.abc import Iterable, Sequence
from functools import cache

from base import ROOT
from base.closure import syntax
from base.errors import InputError
from base.git import git

UNCOMMITTED = "not committed"


@cache
def edited_since(revision: str) -> frozenset[str] | None:
    """Files, relative to the checkout, that say something else now; None where git does not have the revision.

    Comments, docstrings and layout of Python say nothing. Files that nobody added to git are left out.
    """
    try:
        names = git("diff", "--name-only", "--no-renames", "-z", revision).decode(errors="replace").split("\0")
    except InputError:
        return None
    return frozenset(name for name in names if name and _says_else(revision, name))


def _says_else(revision: str, name: str) -> bool:
    if not name.endswith(".py"):
        return True
    try:
        before, now = git("show", f"{revision}:{name}").decode(), (ROOT / name).read_text(encoding="utf-8")
        return syntax(before, name) != syntax(now, name)
    except (InputError, OSError, SyntaxError, UnicodeDecodeError):
        return True  # added, removed, or no Python


def commits_since(revision: str, files: Iterable[str], most: int = 3) -> Sequence[str]:
    """The last commits since a revision that touched any of some files, newest first: `ab12cd3 Subject`."""
    files = list(files)
    told = git("log", f"--max-count={most}", "--format=%h %s", f"{revision}..HEAD", "--", *files)
    open_edits = git("status", "--porcelain", "--untracked-files=no", "--", *files)
    return [*([UNCOMMITTED] if open_edits.strip() else []), *told.decode(errors="replace").splitlines()]
