"""What every script of the workflow does around its one call: log, and end bad input in one clear line."""

import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from studies.errors import InputError


@contextmanager
def logged(log: str | Path) -> Iterator[None]:
    """Send what the body prints to `log`; bad input and disk errors end as one line on the terminal, exit status 1.

    A programming error keeps its traceback, in the log as well as on the terminal.
    """
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


def runs_of_job(outputs: Iterable[str], spec: dict, states: str) -> Iterator[tuple[dict, Path, Path]]:
    """Specification, folder and state folder of each run of a job, by the folders `seed<number>` of its outputs."""
    for folder in dict.fromkeys(Path(output).parent for output in outputs):
        yield spec | {"seed": int(folder.name.removeprefix("seed"))}, folder, Path(states, folder.name)
