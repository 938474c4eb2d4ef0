"""Joining measurements: tidy, one row a number, study-free (`studies.measurements`)."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from base.errors import InputError
from base.files import read_csv, write_csv


def collect(parts: Sequence[str | Path], columns: Sequence[str], path: Path) -> None:
    """Join the rows of all runs and variants into one file. Raises InputError for a part that has other columns."""
    tables = [read_csv(part, (), dtype=str, keep_default_na=False) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        if list(table.columns) != list(columns):
            raise InputError(f"{part}: has the columns {', '.join(table.columns)}, not {', '.join(columns)}; delete it")
    write_csv(path, pd.concat([pd.DataFrame(columns=list(columns)), *tables]))
