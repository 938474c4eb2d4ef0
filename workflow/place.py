"""Whether the project can be set up and run in this place: looked at before there is an environment.

    python workflow/place.py check VENV     exit status 0 if the environment VENV works here and is up to date
    python workflow/place.py before VENV    ends in one line, status 1, where VENV may not or cannot be made anew

The standard library alone, and nothing of the project's: the system's Python runs it.
"""

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
GIBIBYTE = 2**30
ENVIRONMENT_SIZE = 3  # GiB; 1.9 when it is done, and pip unpacks beside it
REMOVE = "remove it, or name another place: make VENV=..."


def unready(venv: Path, root: Path = ROOT) -> str | None:
    """Why the environment that runs this is not one for the checkout `root` as it is today, or None.

    Asks what would be imported instead of what was once installed: a checkout may have been moved or copied with its
    environment, an environment may be shared, and a Python may have gone from under it.
    """
    marker, wanted = venv / ".ready", root / "requirements.txt"
    if not marker.is_file():
        return "was not made to its end"
    if marker.stat().st_mtime < wanted.stat().st_mtime:
        return f"is older than {wanted.name}"
    if not find_spec("snakemake"):
        return "lacks its packages"
    code = find_spec("base")  # the newest room: an environment from before it lacks it
    if not code or not code.origin:
        return "does not find this checkout, which was moved"
    if (home := Path(code.origin).resolve().parent.parent) != root.resolve():
        return f"runs the code of {home}"
    return None


def obstacle(venv: Path, root: Path = ROOT, why: str | None = None) -> str | None:
    """Why `venv` may not or cannot be made anew, with the remedy, or None. why: what is wrong with the present one.

    Nothing outside of the checkout is ever cleared: not through a link, and not where VENV names a place elsewhere.
    """
    reason = f" ({why})" if why else ""
    if venv.is_symlink():
        return f"{venv}: is a link to {venv.resolve()} that does not work here{reason}; remove the link: rm {venv}"
    inside = venv.resolve().is_relative_to(root.resolve())
    if venv.exists() and not venv.is_dir():
        return f"{venv}: is not a folder; move it away"
    if venv.is_dir() and not inside and any(venv.iterdir()):
        return f"{venv}: is there, outside of this checkout, and does not work here{reason}; {REMOVE}"
    if inside and venv.is_dir() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").is_file():
        return f"{venv}: holds something else than an environment; {REMOVE}"
    return next(_impossible(venv), None)


def _impossible(venv: Path) -> Iterator[str]:
    """Why no environment can be made at all."""
    place = next(path for path in (venv.absolute(), *venv.absolute().parents) if path.exists())
    if sys.version_info < OLDEST:
        yield f"Python {sys.version.split()[0]} is too old; install 3.11 or set PYTHON=/path/to/python3.11"
    if os.pathsep in str(venv.absolute()):
        yield f"{venv.absolute()}: no environment can be made in a path with {os.pathsep!r}; rename that folder"
    if not (find_spec("venv") and find_spec("ensurepip")):
        yield f"{sys.executable} cannot make environments; install its package venv (Debian: python3.11-venv)"
    if not os.access(place, os.W_OK | os.X_OK):
        yield f"{place}: cannot be written; fix its permissions or work in another copy"
    if shutil.disk_usage(place).free < ENVIRONMENT_SIZE * GIBIBYTE:
        yield f"{place}: has less than {ENVIRONMENT_SIZE} GiB free, and the environment needs them; free some"
    if not temporary_folder():
        yield "no folder for temporary files can be written; set TMPDIR to one that can"


def temporary_folder() -> Path | None:
    """Where temporary files go; None where no such folder can be written."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None


def unspeakable(python: str = sys.executable) -> str | None:
    """Why Snakemake cannot call `python`, with the remedy, or None.

    It puts that path into a shell's command without quotes. Seen from the checkout (Snakefile) it is .venv/bin/python,
    whatever the checkout's own path holds; an environment elsewhere may still have a name with a blank.
    """
    path = os.path.relpath(python)
    if shlex.quote(path) == path:
        return None
    return (
        f"{python}: Snakemake cannot call a Python in a path with blanks or quotes; name another place: make VENV=..."
    )


def home_cache() -> Path | None:
    """The folder for what is kept between runs, where it can be written; None where it cannot."""
    named, home = os.environ.get("XDG_CACHE_HOME"), os.environ.get("HOME")
    folder = Path(named) if named else Path(home, ".cache") if home else None
    if folder is None:
        return None
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def main(arguments: list[str]) -> int:
    """Exit status: 0 if the environment works (check), or if one may be made (before)."""
    venv = Path(arguments[1])
    if arguments[0] == "check":
        why = unready(venv)
        print(why or "", end="")
        return int(bool(why))
    why = obstacle(venv, why=" ".join(arguments[2:]) or None)
    if why:
        print(f"error: {why}".encode("ascii", "backslashreplace").decode(), file=sys.stderr)
    return int(bool(why))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
