"""Joining measurements: tidy, one row a number, study-free (`studies.measurements`)."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from base.errors import InputError
from base.files import write_csv
from studies.measurements import COLUMNS


def collect_measurements(parts: Sequence[str | Path], path: Path) -> None:
    """Join the measurements of all runs and variants into one file, refusing a part with other columns."""
    tables = [pd.read_csv(part, dtype=str, keep_default_na=False) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        if list(table.columns) != COLUMNS:
            raise InputError(f"{part}: not a measurements file (columns {', '.join(table.columns)}); delete it")
    write_csv(path, pd.concat(tables))
