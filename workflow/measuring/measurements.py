"""Files of measurements: tidy, one row a number, study-free (`studies.measurements`)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from base.errors import InputError
from base.files import write_csv
from studies.measurements import COLUMNS, Measurement


def write_measurements(rows: Iterable[Measurement], path: Path) -> None:
    """Write rows as CSV with the contract's columns, whole or not at all."""
    write_csv(path, pd.DataFrame(list(rows), columns=COLUMNS, dtype=object))  # counts stay whole numbers


def collect_measurements(parts: Sequence[str | Path], path: Path) -> None:
    """Join the measurements of all runs and variants into one file, refusing a part with other columns."""
    tables = [pd.read_csv(part, dtype=str, keep_default_na=False) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        if list(table.columns) != COLUMNS:
            raise InputError(f"{part}: not a measurements file (columns {', '.join(table.columns)}); delete it")
    write_csv(path, pd.concat(tables))
