"""What every script of the workflow does around its one call: log, and end bad input in one clear line."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from base.errors import InputError
from base.terminal import fit_terminal
from workflow.presence import take_part


@contextmanager
def logged(log: str | Path) -> Iterator[None]:
    """Send what the body prints to `log`; bad input and disk errors end as one line on the terminal, exit status 1.

    A programming error keeps its traceback, in the log as well as on the terminal.
    """
    fit_terminal()
    take_part()
    path = Path(log)
    with path.open("w", encoding="utf-8", buffering=1) as file:
        try:
            with redirect_stdout(file), redirect_stderr(file):
                yield
        except (InputError, OSError) as error:
            message = f"error: {error}"
            file.write(message + "\n")
            sys.exit(message)
        except Exception:
            traceback.print_exc(file=file)
            raise
