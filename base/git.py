"""Questions to the checkout's git; what needs no git works without it."""

import subprocess

from base.closure import ROOT
from base.errors import InputError


def git(*arguments: str) -> bytes:
    """What `git` prints in the checkout. Raises InputError where there is none, or where it fails."""
    try:
        done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, check=False)
    except OSError as error:
        raise InputError(f"git does not run ({error.strerror}); install it, this command needs it") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise InputError(f"git {arguments[0]}: {said[0]}")
    return done.stdout
