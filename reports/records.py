"""What became of records on this machine: evaluated again with the same result, or not, or trained by other code.

Runs of before, which the last `make` did not choose, are told apart in the same way.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from base.errors import InputError
from base.files import read_csv, write_rows
from studies.records import TOLERANCES

EARLIER = "earlier"  # no record: a run of before
RECORDED, EVALUATED, DIFFERS, STALE = "recorded", "evaluated", "differs", "stale"
STATES = (EARLIER, RECORDED, EVALUATED, DIFFERS, STALE)  # the later one says more
MEANING = {
    EARLIER: "trained here by an earlier `make`, and not chosen now: code and settings may have changed since",
    RECORDED: "trained before; not evaluated here",
    EVALUATED: "trained before; evaluated here with the recorded result",
    DIFFERS: "trained before; evaluated here with another result",
    STALE: "trained before, by code that computes something else today",
}

EVALUATED_COLUMNS = ("folder", "metric", "convention", "recorded", "here", "why")


@dataclass(frozen=True)
class Kept:
    """A record in words: a row of `studies.places.Places.record_states`; state and why as in `State`."""

    folder: str
    state: str
    why: str


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


def earlier_states(experiments: Iterable[str | Path]) -> dict[str, State]:
    """States by folder of the runs of these experiments' folders."""
    return {str(run): State(EARLIER) for folder in experiments for run in sorted(Path(folder).glob("seed*"))}


def write_kept(path: str | Path, states: Mapping[str, State]) -> Path:
    """Write what is known of every record, a row each."""
    return write_rows(path, Kept, [Kept(folder, known.state, known.why) for folder, known in states.items()])


def read_kept(path: str | Path) -> dict[str, State]:
    """What `write_kept` wrote, by folder; empty where there is no such file.

    Raises InputError as `base.files.read_csv`, and for an unknown state.
    """
    if not Path(path).is_file():
        return {}
    table = read_csv(path, ("folder", "state", "why"), unique=("folder",), dtype=str, keep_default_na=False)
    if strange := set(table["state"]) - set(STATES):
        raise InputError(f"{path}: unknown state {min(strange)!r}; delete it and run `make` again")
    return {row.folder: State(row.state, row.why) for row in table.itertuples()}


def in_words(states: Mapping[str, State], folders: Sequence[str]) -> str:
    """How many of the records in these folders were evaluated here, and with what result."""
    count = Counter(states.get(folder, State()).state for folder in folders)
    evaluated = count[EVALUATED] + count[DIFFERS]
    told = f"{len(folders)} records: {evaluated} evaluated here, {count[EVALUATED]} with the recorded result"
    return told + "".join(f", {count[state]} {word}" for state, word in ((STALE, "stale"),) if count[state])


def faults(states: Mapping[str, State]) -> list[str]:
    """A line for each record that is not what it was."""
    return [f"{folder}: {s.state}: {s.why}" for folder, s in sorted(states.items()) if s.state in (DIFFERS, STALE)]
