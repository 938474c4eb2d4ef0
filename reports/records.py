"""What became of records on this machine: evaluated again with the same result, or not, or trained by other code."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from base.files import read_csv
from studies.records import TOLERANCES

RECORDED, EVALUATED, DIFFERS, STALE = "recorded", "evaluated", "differs", "stale"
STATES = (RECORDED, EVALUATED, DIFFERS, STALE)  # the later one says more

EVALUATED_COLUMNS = ("folder", "metric", "convention", "recorded", "here", "why")


@dataclass(frozen=True)
class State:
    """What is known of a record.

    state : recorded (not evaluated here), evaluated (here, as recorded), differs (here), or stale (not what the code
        would compute)
    why : of the last two
    """

    state: str = RECORDED
    why: str = ""


def read_states(recomputed: str | Path, evaluated: Sequence[str | Path]) -> Mapping[str, State]:
    """States by folder of a record.

    recomputed, evaluated : files of `studies.places.Places`; evaluated: one a data set that is here
    Raises InputError as `base.files.read_csv`.
    """
    states: dict[str, State] = {}
    for path in evaluated:
        table = read_csv(path, EVALUATED_COLUMNS, numbers=("recorded", "here"), dtype={"why": str})
        for folder, rows in table.fillna({"why": ""}).groupby("folder"):
            states[folder] = _held(rows.to_dict("records"))
    if recomputed:
        table = read_csv(recomputed, ("folder", "why"), dtype=str, keep_default_na=False)
        states |= {row.folder: State(STALE, row.why) for row in table.itertuples() if row.why}
    return states


def _held(rows: Sequence[Mapping]) -> State:
    """Of the rows of one record, each a number as it was recorded and as it is here."""
    for row in rows:
        off = abs(row["here"] - row["recorded"])
        if not off <= TOLERANCES[row["metric"]]:
            told = f"{row['metric']}, {row['convention']}: {row['here']:.2f} here, {row['recorded']:.2f} recorded"
            return State(DIFFERS, f"{told}; {row['why']}" if row["why"] else told)
    return State(EVALUATED)


def in_words(states: Mapping[str, State], folders: Sequence[str]) -> str:
    """How many of the records in these folders were evaluated here, and with what result."""
    count = Counter(states.get(folder, State()).state for folder in folders)
    evaluated = count[EVALUATED] + count[DIFFERS]
    told = f"{len(folders)} records: {evaluated} evaluated here, {count[EVALUATED]} with the recorded result"
    return told + "".join(f", {count[state]} {word}" for state, word in ((STALE, "stale"),) if count[state])


def faults(states: Mapping[str, State]) -> list[str]:
    """A line for each record that is not what it was."""
    return [f"{folder}: {s.state}: {s.why}" for folder, s in sorted(states.items()) if s.state in (DIFFERS, STALE)]
