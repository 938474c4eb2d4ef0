"""The numbers that are watched, a row each: from measurements and fingerprints, and as they stand in the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from base.errors import InputError
from base.files import read_csv, write_csv
from reports.measurements import EFFICIENCY_SCALE, Choice, pick

REMEDY = 'take it from git again, or make one: make baseline reason="..."'


@dataclass(frozen=True)
class Watched:
    """Which number is watched, and its unit."""

    kind: str
    name: str
    dataset: str
    recipe: str
    metric: str
    convention: str
    unit: str


@dataclass(frozen=True)
class Number(Watched):
    """One watched number; its fields are the columns of a baseline, of which the first six say which it is.

    value     mean over seeds, spread: their standard deviation, or the share of it that is noise; seeds: how many
    revision  and reason of its last change
    """

    value: float
    spread: float
    seeds: float
    device: str
    revision: str
    reason: str

    @property
    def identity(self) -> tuple[str, ...]:
        """Which number it is."""
        return tuple(getattr(self, name) for name in IDENTITY)


COLUMNS = [field.name for field in fields(Number)]
IDENTITY = COLUMNS[:6]
ACCURACY, COUNT, MEMORY, ALLOCATION = "accuracy", "count", "memory", "allocation"
NETWORK, LOSS, TRAINING, SPEED = "network", "loss", "training", "speed"
ACCURACIES = ("mpjpe", "p_mpjpe", "mpjve", "acceleration_error", "ap")
COUNTS = ("params", "macs_per_clip", "macs_per_frame")
MEMORIES = ("peak_memory", "training_memory")


def watched(
    measurements: pd.DataFrame | None, computed: Sequence[pd.DataFrame], speeds: pd.DataFrame, choice: Choice
) -> pd.DataFrame:
    """Rows with COLUMNS, revision and reason empty.

    measurements : of `reports.measurements`, None to watch the rest
    computed : kind, name, metric, value and unit of `workflow/measuring/fingerprints.py`, and with what data, recipe
        and spread `workflow/measuring/first_steps.py` has besides
    speeds : workload, ratio, noise, device of `workflow/measuring/speed_ratios.py`; no ratio where nothing was compared
    """
    speeds = speeds.rename(columns={"workload": "name", "ratio": "value", "noise": "spread"})
    parts = [*computed, speeds.assign(kind=SPEED, metric="time", unit="1", revision="")]
    if measurements is not None:
        parts += [_accuracies(measurements, choice), _efficiency(measurements)]
    parts = [part.reindex(columns=COLUMNS) for part in parts]
    return _typed(pd.concat([part for part in parts if len(part)], ignore_index=True))


def read_baseline(path: str | Path) -> pd.DataFrame:
    """Rows of a committed baseline. Raises InputError for a file that is absent or lacks columns."""
    rows = read_csv(path, COLUMNS, REMEDY, dtype=str, keep_default_na=False)
    try:
        return _typed(rows)
    except ValueError as error:
        raise InputError(f"{path}: is no baseline ({error}); {REMEDY}") from None


def renew(
    now: pd.DataFrame, before: pd.DataFrame | None, changed: set[tuple], revision: str, reason: str
) -> pd.DataFrame:
    """The next baseline: today's rows; those that did not change keep their value, revision and reason.

    before : the present baseline, None for the first; changed : identities of rows that differ from it (`compare`)
    """
    fresh = now.assign(revision=revision, reason=reason)
    fresh.loc[fresh["kind"] == SPEED, "value"] = 1.0
    if before is None:
        return fresh
    old = {number.identity: number for number in as_numbers(before)}
    kept = [n if n.identity in changed else old.get(n.identity, n) for n in as_numbers(fresh)]
    return _typed(pd.DataFrame(kept, columns=COLUMNS))


def as_numbers(rows: pd.DataFrame) -> list[Number]:
    """Rows with COLUMNS, each a Number."""
    return [Number(*row) for row in rows[COLUMNS].itertuples(index=False, name=None)]


def write_baseline(rows: pd.DataFrame, path: str | Path) -> Path:
    """Write a baseline, in an order that makes a good diff."""
    ordered = rows.sort_values(IDENTITY, kind="stable")
    return write_csv(path, ordered)


def _accuracies(measurements: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """Mean and spread over seeds of the epoch that tables show."""
    mine = measurements[(measurements["run"] != "") & (measurements["scale"] == choice.scale)]
    shown = mine["convention"].str.endswith(f"/{choice.selection}") & ~mine["convention"].str.startswith("pooled/")
    mine = mine[shown & mine["metric"].isin(ACCURACIES)].rename(columns={"variant": "name"}).assign(kind=ACCURACY)
    grouped = mine.groupby([*IDENTITY, "unit", "device"], sort=False)["value"]
    return grouped.agg(value="mean", spread="std", seeds="count").reset_index()


def _efficiency(measurements: pd.DataFrame) -> pd.DataFrame:
    mine = pick(measurements, scale=EFFICIENCY_SCALE, run="").rename(columns={"variant": "name"})
    counts = mine[mine["metric"].isin(COUNTS)].assign(kind=COUNT, device="")
    return pd.concat([counts, mine[mine["metric"].isin(MEMORIES)].assign(kind=MEMORY)], ignore_index=True)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    numbers = {name: pd.to_numeric(rows[name]).astype(float) for name in ("value", "spread", "seeds")}
    texts = {name: rows[name].astype(object).fillna("").astype(str) for name in COLUMNS if name not in numbers}
    return pd.DataFrame(numbers | texts)[COLUMNS]
