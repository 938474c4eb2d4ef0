"""The one exception for wrong input: its message names the fault and the remedy."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Bad input (a file, a key, a name). Its message is one line that names it and the remedy.

    Command-line entry points print the message without a traceback and exit with status 1.
    """


@contextmanager
def left_out(what: str, lenient: bool) -> Iterator[None]:
    """Where a job is `lenient`, an error of the body skips this piece, and the log says why."""
    try:
        yield
    except Exception as error:
        if not lenient:
            raise
        print(f"error: {what} is left out: {type(error).__name__}: {error}")
        traceback.print_exc(file=sys.stdout)
