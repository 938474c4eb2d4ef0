"""The verdict of the gate in words: what moved, by which edit, and both ways out. For the terminal and as Markdown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.regression.causes import Cause
from reports.regression.compare import FAILURES, MISSING, MOVED, NEW, STATUSES, UNKNOWN, Compared
from reports.regression.numbers import COUNT, LOSS, NETWORK, SPEED
from studies.variants import resolve_variants

WORDS = {NETWORK: "fingerprint", SPEED: "time"}  # kinds that are called something else in a sentence
DIGITS = 6  # significant ones of a printed number that is no count
SHOWN = 3  # numbers of a group, the furthest off first
FILES = 4  # named of one cause
ACCEPT = 'make baseline reason="why"'


@dataclass(frozen=True)
class Group:
    """Numbers of one kind and family that moved the same way; title: `305 counts of 27 posemamba networks changed`.

    lines : a line a number, the furthest off first
    """

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """A cause in words: its files, how much of what depends on them moved, what else is known, and the groups.

    facts : commits that touched the files, and what the baseline says of its numbers
    look, undo : commands; empty where no file is known
    """

    title: str
    share: str
    facts: tuple[str, ...]
    groups: tuple[Group, ...]
    look: str = ""
    undo: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the gate says, all of it text.

    head : the verdict in one line; records: what is wrong with records; told: the causes, that of most numbers first
    not_compared, new : numbers that are on one side only
    ways_out : what to do now, and where every number stands: (word, command or path)
    """

    red: bool
    head: str
    records: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()
    not_compared: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    ways_out: tuple[tuple[str, str], ...] = ()


def make_verdict(
    numbers: Sequence[Compared], causes: Sequence[tuple[Cause, Sequence[str]]], records: Sequence[str], table: str = ""
) -> Verdict:
    """The verdict on all compared numbers.

    causes : each with the commits that touched its files; records: faults of records; table: path of regression.csv
    """
    red = bool(records) or any(number.status in FAILURES for number in numbers)
    told = tuple(_tell(cause, commits) for cause, commits in causes)
    apart = (tuple(line(n) for n in numbers if n.status == status) for status in (UNKNOWN, NEW))
    head = _head(red, numbers, len(told), len(records))
    return Verdict(red, head, tuple(records), told, *apart, _ways_out(red, told, table))


def terminal(verdict: Verdict) -> list[str]:
    """The verdict in lines for a terminal."""
    said = [verdict.head, *(f"record {fault}" for fault in verdict.records)]
    for i, told in enumerate(verdict.told, 1):
        said += [f"{i}. {told.title}", f"   {told.share}", *(f"   {fact}" for fact in told.facts)]
        for group in told.groups:
            said += [f"   - {group.title}", *(f"     {text}" for text in group.lines[:SHOWN])]
        said += [f"   look: {told.look}"] if told.look else []
    said += [*verdict.not_compared, *verdict.new[:SHOWN]]
    said += [f"... and {more} more that are new"] if (more := len(verdict.new) - SHOWN) > 0 else []
    return [*said, *(f"{word}: {text}" for word, text in verdict.ways_out)]


def markdown(verdict: Verdict) -> str:
    """The verdict for the page of a CI's job."""
    said = [f"### {verdict.head}", *(f"- record `{fault}`" for fault in verdict.records)]
    for i, told in enumerate(verdict.told, 1):
        said += ["", f"#### {i}. {told.title}", told.share, "", *(f"- {fact}" for fact in told.facts), ""]
        said += ["| what moved | furthest off |", "|---|---|"]
        for group in told.groups:
            furthest = "<br>".join(f"`{text}`".replace("|", "\\|") for text in group.lines[:SHOWN])
            said.append(f"| {group.title} | {furthest} |")
        said += ["", f"look: `{told.look}`"] if told.look else []
    said += ["", *(f"- `{text}`" for text in verdict.not_compared)]
    return "\n".join([*said, *(f"- {word}: `{text}`" for word, text in verdict.ways_out)]) + "\n"


def plural(word: str, n: int) -> str:
    """`1 count`, `2 counts`, `2 memories`, `2 losses`."""
    if n == 1:
        return word
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}es" if word.endswith("ss") else f"{word}s"


def _head(red: bool, numbers: Sequence[Compared], causes: int, records: int) -> str:
    """`gate RED: 359 changed, 1,289 unchanged, by 1 cause; losses and speeds unchanged`."""
    counts, moved = Counter(number.status for number in numbers), {n.kind for n in numbers if n.status in MOVED}
    parts = [f"{records} {plural('record', records)} at fault"] if records else []
    parts += [f"{counts[status]:,} {status}" for status in STATUSES if counts[status]]
    calm = [plural(kind, 2) for kind in dict.fromkeys(n.kind for n in numbers) if kind not in moved]
    by = f", by {causes} {plural('cause', causes)}" if causes else ""
    still = f"; {', '.join(calm)} unchanged" if moved and calm else ""
    return f"gate {'RED' if red else 'green'}: {', '.join(parts)}{by}{still}"


def _ways_out(red: bool, told: Sequence[Told], table: str) -> tuple[tuple[str, str], ...]:
    every = (("every number", table),) if table else ()
    undo = (("undo", cause.undo) for cause in told if cause.undo)
    return (*undo, ("accept", ACCEPT), *every) if red else every


def _tell(cause: Cause, commits: Sequence[str]) -> Told:
    groups = _groups(cause.numbers)
    if not cause.files:
        return Told(
            "No edit explains these", "No file that they depend on was edited since, as far as git can tell", (), groups
        )
    named, more = " ".join(cause.files[:FILES]), len(cause.files) - FILES
    title = ", ".join(cause.files[:FILES]) + (f" and {more} more" if more > 0 else "")
    share = f"moved {len(cause.numbers):,} of the {cause.decides:,} numbers that depend on it"
    reasons = dict.fromkeys(f"compared with {n.since}: {n.reason}" for n in cause.numbers if n.since)
    look, undo = f"git diff {cause.since} -- {named}", f"git restore --source {cause.since} -- {named}"
    unsure = 2 * len(cause.numbers) < cause.decides  # most of what depends on it did not move
    others = [f"or {file}: {moved:,} of {of:,}" for file, moved, of in cause.others] if unsure else []
    return Told(title, share, (*others, *commits, *reasons), groups, look, undo)


def _groups(numbers: Sequence[Compared]) -> tuple[Group, ...]:
    groups: dict[tuple[str, str, str], list[Compared]] = {}
    for number in numbers:
        network = resolve_variants().get(number.name)
        groups.setdefault((number.kind, network.family if network else "", number.status), []).append(number)
    return tuple(_group(*key, sorted(rows, key=_how_far, reverse=True)) for key, rows in groups.items())


def _group(kind: str, family: str, status: str, numbers: Sequence[Compared]) -> Group:
    names = dict.fromkeys(number.name for number in numbers)
    of = f"{len(names)} {family} {plural('network', len(names))}" if family else ", ".join(names)
    title = f"{len(numbers)} {plural(WORDS.get(kind, kind), len(numbers))} of {of} {status}"
    return Group(title, tuple(map(line, numbers)))


def _how_far(number: Compared) -> float:
    """By which share a number moved; those that are gone first."""
    if np.isnan(number.change):
        return np.inf
    return abs(number.change) / abs(number.before) if number.before else abs(number.change)


def line(row: Compared) -> str:
    """A number in one line: from what to what, by how much, since when."""
    what = " ".join(filter(None, (row.kind, row.name, row.recipe, row.dataset, row.metric, row.convention)))
    since = f"since {row.since}"
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
