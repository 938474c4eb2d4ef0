"""Each watched number against the baseline: what may change by chance, what may not at all, and what did."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from reports.regression.numbers import (
    ACCURACY,
    ALLOCATION,
    COUNT,
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

AS_BEFORE, WORSE, BETTER, CHANGED = "as before", "worse", "better", "changed"
MISSING, NEW, UNKNOWN = "missing", "new", "not compared"
FAILURES = (WORSE, CHANGED, MISSING)
STATUSES = (WORSE, CHANGED, MISSING, BETTER, NEW, UNKNOWN, AS_BEFORE)

DEVIATIONS = 4  # of a difference of means over seeds: normal noise goes beyond it once in 16,000 numbers
MEMORY_SHARE = 0.10  # of what is predicted or allocated, which does not scatter
PEAK_SHARE, PEAK_LEAST = 0.25, 12.0  # of a process's growth, and MiB: docs/regression.md has what was measured
DIGITS = 6  # significant ones of a printed number that is no count
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
    """Identities of the numbers that are not as before."""
    rows = table[~table["status"].isin((AS_BEFORE, UNKNOWN))]
    return set(rows[IDENTITY].itertuples(index=False, name=None))


def failed(table: pd.DataFrame) -> bool:
    """Whether anything got worse, changed that must not, or is missing."""
    return bool(table["status"].isin(FAILURES).any())


def report(table: pd.DataFrame, baseline: str | Path, shown: int = 40) -> list[str]:
    """Lines for the terminal: what is not as before, by how much, since when; then the counts."""
    counts = Counter(table["status"])
    moved = table[table["status"] != AS_BEFORE].head(shown)
    lines = [_line(Compared(*row)) for row in moved.itertuples(index=False)]
    if (left := sum(counts.values()) - counts[AS_BEFORE] - len(lines)) > 0:
        lines.append(f"... and {left} more")
    lines.append(
        f"{len(table)} numbers against {baseline}: " + ", ".join(f"{counts[s]} {s}" for s in STATUSES if counts[s])
    )
    if failed(table):
        lines.append('If that is meant to be: make baseline reason="why"')
    return lines


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
    return replace(known, status=AS_BEFORE if abs(change) <= allowed else _direction(old, change))


def _direction(old: Number, change: float) -> str:
    if old.kind not in (ACCURACY, MEMORY, ALLOCATION, SPEED):
        return CHANGED
    return BETTER if (change > 0) == higher_is_better(old.metric) else WORSE


def _line(row: Compared) -> str:
    what = " ".join(filter(None, (row.kind, row.name, row.recipe, row.dataset, row.metric, row.convention)))
    since = f"since {row.since}: {row.reason}"
    unit = "" if row.unit in ("", "1") else f" {row.unit}"
    if row.status == UNKNOWN:
        says = ""
    elif row.status == NEW:
        says = f": {_number(row.kind, row.now)}{unit}"
    elif row.status == MISSING:
        says = f": was {_number(row.kind, row.before)}{unit}, is not measured today ({since})"
    else:
        says = f": {_moved(row, unit)}; {since})"
    return f"{row.status:<12} {what}{says}"


def _moved(row: Compared, unit: str) -> str:
    """From what to what and by how much: counts exactly, what is measured as a share as well; a speed as a share."""
    share = row.change / abs(row.before) if row.before else np.nan
    if row.kind == SPEED:
        return f"{_percent(abs(share))} {'slower' if row.change > 0 else 'faster'} (allowed {_percent(row.allowed)}"
    digits = _telling(row.before, row.now)
    both = f"{_number(row.kind, row.before, digits)} -> {_number(row.kind, row.now, digits)}{unit}"
    if row.kind == COUNT:
        return f"{both} ({_number(row.kind, row.change, signed=True)}, nothing is allowed"
    if row.kind in (NETWORK, LOSS):
        return f"{both} ({row.change:+.4g}, allowed {row.allowed:.2g}"
    points = " points" if row.unit == "%" else unit
    by = f"{row.change:+.4g}{points}" + ("" if np.isnan(share) else f", {'+' if share > 0 else ''}{_percent(share)}")
    return f"{both} ({by}; allowed {row.allowed:.2g}{points}"


def _number(kind: str, value: float, digits: int = DIGITS, signed: bool = False) -> str:
    """A count exactly, with commas; anything else with some significant digits."""
    if kind == COUNT:
        return f"{value:{'+' if signed else ''},.6f}".rstrip("0").rstrip(".")  # of a frame it may be a fraction
    return f"{value:.{digits}g}"


def _telling(before: float, now: float) -> int:
    """The fewest significant digits, at least DIGITS, that tell two numbers apart."""
    return next((n for n in range(DIGITS, 17) if f"{before:.{n}g}" != f"{now:.{n}g}"), 17)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
