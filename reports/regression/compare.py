"""Each watched number against the baseline: what may change by chance, what may not at all, and what did."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from base.files import write_csv
from reports.regression.numbers import ACCURACY, ALLOCATION, COUNT, IDENTITY, LOSS, MEMORY, NETWORK, SPEED

COLUMNS = [*IDENTITY, "unit", "before", "now", "change", "allowed", "status", "since", "reason"]
AS_BEFORE, WORSE, BETTER, CHANGED = "as before", "worse", "better", "changed"
MISSING, NEW, UNKNOWN = "missing", "new", "not compared"
FAILURES = (WORSE, CHANGED, MISSING)
STATUSES = (WORSE, CHANGED, MISSING, BETTER, NEW, UNKNOWN, AS_BEFORE)

DEVIATIONS = 4  # of a difference of means over seeds: normal noise goes beyond it once in 16,000 numbers
MEMORY_SHARE = 0.10  # of what is predicted or allocated, which does not scatter
PEAK_SHARE, PEAK_LEAST = 0.25, 12.0  # of a process's growth, and MiB: docs/regression.md has what was measured
DIGITS = 6  # significant ones of a printed number that is no count
ROUNDING = 1e-8  # of fingerprints, numbers of size 1 from float64 arithmetic


def compare(now: pd.DataFrame, before: pd.DataFrame, floors: dict[tuple[str, str], float]) -> pd.DataFrame:
    """A row for each number of either (`reports.regression.numbers`), with COLUMNS, the worst first.

    floors: (device, metric) -> how far two runs with the same seed are apart.
    """
    usual = before[before["kind"] == ACCURACY].groupby(["dataset", "metric", "convention"])["spread"].median()
    old = {_key(row): row for row in before.to_dict("records")}
    new = {_key(row): row for row in now.to_dict("records")}
    rows = []
    for key in dict.fromkeys([*old, *new]):
        known = dict(zip(IDENTITY, key, strict=True))
        rows.append(known | _judge(old.get(key), new.get(key), usual, floors))
    table = pd.DataFrame(rows, columns=COLUMNS)
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
    lines = [_line(row) for row in table[table["status"] != AS_BEFORE].head(shown).itertuples()]
    if (left := sum(counts.values()) - counts[AS_BEFORE] - len(lines)) > 0:
        lines.append(f"... and {left} more")
    lines.append(
        f"{len(table)} numbers against {baseline}: " + ", ".join(f"{counts[s]} {s}" for s in STATUSES if counts[s])
    )
    if failed(table):
        lines.append('If that is meant to be: make baseline reason="why"')
    return lines


def write_comparison(table: pd.DataFrame, path: str | Path) -> Path:
    """Write what `compare` found as CSV."""
    return write_csv(path, table)


def _judge(old: dict | None, new: dict | None, usual: pd.Series, floors: dict) -> dict:
    if old is None:
        return {"unit": new["unit"], "now": new["value"], "status": NEW}
    found = {"unit": old["unit"], "before": old["value"], "since": old["revision"], "reason": old["reason"]}
    if new is None:
        return found | {"status": MISSING}
    change, allowed = new["value"] - old["value"], _allowed(old, new, usual, floors)
    found |= {"now": new["value"], "change": change, "allowed": allowed}
    if np.isnan(change) or np.isnan(allowed):
        return found | {"status": UNKNOWN}
    return found | {"status": AS_BEFORE if abs(change) <= allowed else _direction(old, change)}


def _direction(old: dict, change: float) -> str:
    if old["kind"] not in (ACCURACY, MEMORY, ALLOCATION, SPEED):
        return CHANGED
    return BETTER if (change > 0) == (old["metric"] == "ap") else WORSE


def _allowed(old: dict, new: dict, usual: pd.Series, floors: dict) -> float:
    """How far a number may move; nan where that is not known."""
    kind, value = old["kind"], abs(old["value"])
    if kind == ACCURACY:
        return _by_seeds(old, new, usual) + floors.get((new["device"], old["metric"]), 0.0)
    if old["metric"] == "peak_memory":
        return max(PEAK_SHARE * value, PEAK_LEAST)
    shares = {MEMORY: MEMORY_SHARE, ALLOCATION: MEMORY_SHARE, SPEED: new["spread"]}
    if kind in shares:
        return shares[kind] * value
    return ROUNDING * max(1.0, value) if kind in (NETWORK, LOSS) else 0.0


def _by_seeds(old: dict, new: dict, usual: pd.Series) -> float:
    """DEVIATIONS of the difference of two means over seeds.

    Three seeds may lie close together by chance: the spread is at least the usual one of that metric on that data.
    """
    spreads = [old["spread"], new["spread"], usual.get((old["dataset"], old["metric"], old["convention"]), np.nan)]
    if not np.isfinite(spreads).any():
        return np.nan
    return DEVIATIONS * np.nanmax(spreads) * float(np.sqrt(1 / old["seeds"] + 1 / new["seeds"]))


def _key(row: dict) -> tuple:
    return tuple(row[name] for name in IDENTITY)


def _line(row: object) -> str:
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


def _moved(row: object, unit: str) -> str:
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
