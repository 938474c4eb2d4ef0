"""Get the papers' data, or say what a person has to do: python -m workflow data [data sets] [key=value ...].

The data sets are those that the configured studies print numbers for, or those that are named. The exit status is not 0
as long as one of them is missing.
"""

from pathlib import Path

from base.errors import InputError
from base.reading import nearest
from datasets.fetching.todo import get_data
from studies.benchmarks import BENCHMARKS
from studies.config import Config, read_config
from studies.load import load_study
from studies.places import RAW


def wanted(config: Config) -> list[str]:
    """Data sets that the configured studies print numbers for."""
    tables = [table for name in config.studies for table in load_study(name).tables]
    named = {table.benchmark for table in tables} | {column.about for table in tables for column in table.accuracies}
    chosen = BENCHMARKS if config.benchmarks is None else config.benchmarks
    return [name for name in BENCHMARKS if name in named and name in chosen]


def main(arguments: list[str]) -> int:
    """Exit status: 0 when everything is there."""
    config = read_config([a for a in arguments if "=" in a])
    named = [a for a in arguments if "=" not in a]
    if strange := [name for name in named if name not in BENCHMARKS]:
        raise InputError(f"unknown data set {strange[0]!r}{nearest(strange[0], BENCHMARKS)}")
    chosen = named or wanted(config)
    if not chosen:
        print("the chosen studies print numbers for none of the papers' data sets: there is nothing to download")
    missing = get_data(chosen, Path(RAW), config.sources)
    if missing:
        print(f"\n{len(missing)} data sets are not there yet: {', '.join(BENCHMARKS[name].title for name in missing)}. "
              "Choose one way for each, then run this again; see docs/papers-data.md.")  # fmt: skip
    return bool(missing)
