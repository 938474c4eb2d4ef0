"""What our commands (python -m workflow.bill, ...) have in common: help, and bad input ends in one line."""

import sys
from collections.abc import Callable

from studies.errors import InputError

HELP = ("-h", "--help")


def command(main: Callable[[list[str]], int | None], usage: str) -> None:
    """Run a command with this process's arguments, and exit with its status; --help prints the usage, one line."""
    arguments = sys.argv[1:]
    if any(argument in HELP for argument in arguments):
        print(f"usage: {usage}")
        return
    try:
        sys.exit(main(arguments))
    except InputError as error:
        sys.exit(f"error: {error}")
