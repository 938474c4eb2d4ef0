"""What every script of the workflow does around its one call: log, and end bad input in one clear line."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from base.errors import InputError
from base.terminal import fit_terminal
from workflow.presence import take_part

OPTIONAL = ("weights", "features", "published")  # inputs of a training that not every one has


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


def jobs_of_rule(snakemake: Any) -> Iterator[dict]:
    """What `training.launch.launch` trains in a job: a run for each folder `seed<number>` of its outputs."""
    given = {key: str(value) for key in OPTIONAL if (value := snakemake.input.get(key))}
    threads = max(1, snakemake.threads // snakemake.params.processes)
    for folder in dict.fromkeys(Path(output).parent for output in snakemake.output):
        yield given | {
            "spec": replace(snakemake.params.spec, seed=int(folder.name.removeprefix("seed"))).as_json(),
            "data": str(snakemake.input.data),
            "run": str(folder),
            "state": str(Path(snakemake.params.state, folder.name)),
            "sources": list(map(str, snakemake.input.sources)),
            "threads": threads,
        }
