"""Each watched number against the baseline: what may change by chance, what may not at all, and what did."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from reports.regression.numbers import (
    ACCURACY,
    ALLOCATION,
    IDENTITY,
    LOSS,
    MEMORY,
    NETWORK,
    SPEED,
    TRAINING,
    Number,
    Watched,
    as_numbers,
)
from studies.measurements import higher_is_better

UNCHANGED, WORSE, BETTER, CHANGED = "unchanged", "worse", "better", "changed"
MISSING, NEW, UNKNOWN = "missing", "new", "not compared"
FAILURES = (WORSE, CHANGED, MISSING)
MOVED = (*FAILURES, BETTER)
STATUSES = (WORSE, CHANGED, MISSING, BETTER, NEW, UNKNOWN, UNCHANGED)

DEVIATIONS = 4  # of a difference of means over seeds: normal noise goes beyond it once in 16,000 numbers
MEMORY_SHARE = 0.10  # of what is predicted or allocated, which does not scatter
PEAK_SHARE, PEAK_LEAST = 0.25, 12.0  # of a process's growth, and MiB: docs/regression.md has what was measured
ROUNDING = 1e-8  # of fingerprints, numbers of size 1 from float64 arithmetic


@dataclass(frozen=True)
class Compared(Watched):
    """A number against the baseline; since and reason are of the baseline's last change. NaN where there is none."""

    before: float = np.nan
    now: float = np.nan
    change: float = np.nan
    allowed: float = np.nan
    status: str = UNKNOWN
    since: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Tolerance:
    """How far numbers may move.

    floors  (device, metric) -> how far two runs with the same seed are apart
    usual   (dataset, metric, convention) -> the usual spread of an accuracy over seeds
    """

    floors: Mapping[tuple[str, str], float]
    usual: Mapping[tuple[str, str, str], float]

    def allowed(self, old: Number, new: Number) -> float:
        """By how much a number may differ from the baseline; nan where that is not known."""
        kind, value = old.kind, abs(old.value)
        if kind == ACCURACY:
            return self._by_seeds(old, new) + self.floors.get((new.device, old.metric), 0.0)
        if old.metric == "peak_memory":
            return max(PEAK_SHARE * value, PEAK_LEAST)
        shares = {MEMORY: MEMORY_SHARE, ALLOCATION: MEMORY_SHARE, SPEED: new.spread, TRAINING: new.spread}
        if kind in shares:
            return shares[kind] * value
        return ROUNDING * max(1.0, value) if kind in (NETWORK, LOSS) else 0.0

    def _by_seeds(self, old: Number, new: Number) -> float:
        """DEVIATIONS of the difference of two means over seeds.

        Three seeds may lie close together by chance: the spread is at least the usual one of that metric on that data.
        """
        spreads = [old.spread, new.spread, self.usual.get((old.dataset, old.metric, old.convention), np.nan)]
        if not np.isfinite(spreads).any():
            return np.nan
        return DEVIATIONS * np.nanmax(spreads) * float(np.sqrt(1 / old.seeds + 1 / new.seeds))


def compare(now: pd.DataFrame, before: pd.DataFrame, floors: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """A row for each number of either (`reports.regression.numbers`), a `Compared`, the worst first.

    floors: as of `Tolerance`.
    """
    usual = before[before["kind"] == ACCURACY].groupby(["dataset", "metric", "convention"])["spread"].median()
    tolerance = Tolerance(floors, usual.to_dict())
    old, new = ({number.identity: number for number in as_numbers(rows)} for rows in (before, now))
    compared = [_compare(old.get(key), new.get(key), tolerance) for key in dict.fromkeys([*old, *new])]
    table = pd.DataFrame(compared, columns=[field.name for field in fields(Compared)])
    return table.sort_values("status", key=lambda s: s.map(STATUSES.index), kind="stable", ignore_index=True)


def changed(table: pd.DataFrame) -> set[tuple]:
    """Identities of the numbers that changed."""
    rows = table[~table["status"].isin((UNCHANGED, UNKNOWN))]
    return set(rows[IDENTITY].itertuples(index=False, name=None))


def rows_of(table: pd.DataFrame) -> list[Compared]:
    """The rows of what `compare` gave."""
    texts = {name: table[name].astype(object).where(table[name].notna(), None) for name in ("since", "reason")}
    return [Compared(*row) for row in table.assign(**texts).itertuples(index=False)]


def failed(table: pd.DataFrame) -> bool:
    """Whether anything got worse, changed that must not, or is missing."""
    return bool(table["status"].isin(FAILURES).any())


def _compare(old: Number | None, new: Number | None, tolerance: Tolerance) -> Compared:
    if old is None:
        return Compared(*new.identity, new.unit, now=new.value, status=NEW)
    known = Compared(*old.identity, old.unit, before=old.value, since=old.revision, reason=old.reason)
    if new is None:
        return replace(known, status=MISSING)
    change, allowed = new.value - old.value, tolerance.allowed(old, new)
    known = replace(known, now=new.value, change=change, allowed=allowed)
    if np.isnan(change) or np.isnan(allowed):
        return known
    return replace(known, status=UNCHANGED if abs(change) <= allowed else _direction(old, change))


def _direction(old: Number, change: float) -> str:
    if old.kind not in (ACCURACY, MEMORY, ALLOCATION, SPEED):
        return CHANGED
    return BETTER if (change > 0) == higher_is_better(old.metric) else WORSE
