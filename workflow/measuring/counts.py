"""Counts of variants: kept ones where nothing that decides them has changed, the others counted again.

What is kept stands in baselines/, each row with the key of what it was counted of.
No torch in here: where all counts are kept, nothing heavy is imported.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from base.closure import closure, code_digest
from base.files import read_csv
from studies.measurements import COLUMNS, PART_COLUMNS
from studies.places import KEPT_COUNTS, KEPT_LEFT_OUT, KEPT_PARTS
from studies.variants import variant

COUNTING = "workflow.measuring.efficiency"
COMPUTING = ("metrics/", "models/", "workflow/")  # rooms whose code decides a count
PROGRAMS = ("torch", "fvcore")
LEFT_OUT_COLUMNS = ["variant", "convention", "left out"]
KEPT = {KEPT_COUNTS: COLUMNS, KEPT_LEFT_OUT: LEFT_OUT_COLUMNS, KEPT_PARTS: PART_COLUMNS}
REMEDY = "take it from git again, or make it anew: make counts"


@dataclass(frozen=True)
class Counts:
    """Counts of some variants, all cells as text; `key` is the first column: `count_key`.

    numbers  key and the columns of Measurement
    left_out key and LEFT_OUT_COLUMNS: what each convention leaves out of each variant, an operation a row
    parts    key and the columns of CountPart: what each number is made of
    """

    numbers: pd.DataFrame
    left_out: pd.DataFrame
    parts: pd.DataFrame

    @property
    def tables(self) -> tuple[pd.DataFrame, ...]:
        return self.numbers, self.left_out, self.parts

    def of(self, keys: Mapping[str, str]) -> "Counts":
        """Those of some variants, in their order: variant -> key."""
        return Counts(*(_of(keys, table) for table in self.tables))

    def with_more(self, more: "Counts") -> "Counts":
        """These and others."""
        return Counts(*(pd.concat(both) for both in zip(self.tables, more.tables, strict=True)))


def count_key(name: str, remembered: bool) -> str:
    """Of all that decides the counts of a variant: its definition, the code, and the programs that count.

    remembered : whether the memory of a training step is predicted as well
    """
    network = variant(name)
    files = closure(COUNTING, network.module)
    code = code_digest(file for file in files if file.startswith(COMPUTING) and file.endswith(".py"))
    decisive = [name, network.model, network.family, network.hyper, remembered, code, *map(version, PROGRAMS)]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def kept_counts() -> Counts:
    """What is committed; nothing where a file is absent. Raises InputError for files that are damaged."""
    whole = all(Path(path).exists() for path in KEPT)
    return Counts(*(_kept(path, columns, whole) for path, columns in KEPT.items()))


def counts_of(variants: Sequence[str], remembered: Collection[str], kept: Counts) -> tuple[Counts, list[str]]:
    """Counts of some variants, and which of them had to be counted now.

    remembered : variants of which the memory of a training step is predicted as well
    """
    keys = {name: count_key(name, name in remembered) for name in variants}
    known = set(kept.numbers["key"])
    missing = {name: key for name, key in keys.items() if key not in known}
    counted = kept.with_more(_count(missing, remembered)) if missing else kept
    return counted.of(keys), list(missing)


def _count(keys: Mapping[str, str], remembered: Collection[str]) -> Counts:
    from metrics.timing import on_threads
    from workflow.measuring import efficiency

    with on_threads(1):  # fvcore runs networks: more threads would wait for each other on a busy machine
        counted = efficiency.count_all(list(keys))
        memory = efficiency.memory_rows([name for name in keys if name in remembered])
        numbers = [*efficiency.count_rows(counted), *efficiency.evaluated_rows(counted), *memory]
    rows = numbers, efficiency.left_out_rows(counted), efficiency.part_rows(counted)
    return Counts(*(_table(keys, of, columns) for of, columns in zip(rows, KEPT.values(), strict=True)))


def _table(keys: Mapping[str, str], rows: Iterable[object], columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=columns, dtype=object)
    table = table.map(lambda cell: "" if cell is None else str(cell))
    table.insert(0, "key", table["variant"].map(keys))
    return table


def _of(keys: Mapping[str, str], table: pd.DataFrame) -> pd.DataFrame:
    place = {key: i for i, key in enumerate(keys.values())}
    return table[table["key"].isin(place)].sort_values("key", key=lambda key: key.map(place), kind="stable")


def _kept(path: str, columns: list[str], whole: bool) -> pd.DataFrame:
    names = ["key", *columns]
    if not whole:
        return pd.DataFrame(columns=names, dtype=str)
    return read_csv(path, names, REMEDY, dtype=str, keep_default_na=False)
