"""What every command does around its one call: text that any terminal can show, and one line for bad input."""

import codecs
import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from base.errors import InputError

HELP = ("-h", "--help")
# What stands for a character that a terminal's encoding does not have; a question mark stands for all others.
PLAIN = {
    **{"✓": "+", "≠": "!", "◇": "~", "○": "o", "▲": "^", "▼": "v", "≈": "~", "±": "+/-", "×": "x", "²": "2", "³": "3"},
    **{"–": "-", "—": "-", "‑": "-", "−": "-", "…": "...", "·": "-", "’": "'", "“": '"', "”": '"', "→": "->", "µ": "u"},
}


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end


codecs.register_error("plain", _plain)


def fit_terminal() -> None:
    """Let this process print any text, whatever the encoding of its standard streams is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def command(main: Callable[[list[str]], int | None], usage: str) -> NoReturn:
    """Call `main` with this process's arguments and exit with its status; bad input ends in one line, status 1.

    usage: the one line that --help prints.
    """
    fit_terminal()
    arguments = sys.argv[1:]
    if any(argument in HELP for argument in arguments):
        print(f"usage: {usage}")
        sys.exit(0)
    try:
        status = main(arguments)
        sys.stdout.flush()
    except InputError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # whoever read this has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(status)
