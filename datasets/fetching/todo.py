"""The papers' data, all in all: fetch what may be fetched, and say of the rest which file, from where, to which place.

A data set may come in several forms (`way` in the catalogue); one of them is enough.
"""

import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from base.errors import InputError
from base.foreign import data_files
from datasets.fetching.contents import Expected, complaint
from datasets.fetching.sources import (
    CATALOGUE,
    MISSING,
    Facts,
    Source,
    catalogue,
    faults,
    fetch,
    unpack_all,
    unpacked,
)
from studies.benchmarks import BENCHMARKS

WIDTH = 110
LOOKED_AT = 300  # files of a pattern


@dataclass(frozen=True)
class Settings:
    """What the config says of fetching a source, as `datasets.fetching.sources.fetch` takes it."""

    mirror: str | None = None
    accept: bool = False


def get_data(
    benchmarks: Sequence[str], raw: Path, settings: Mapping[str, Mapping], catalogue_file: Path = CATALOGUE
) -> list[str]:
    """Fetch what may be fetched of these data sets; returns the names of those that are not whole yet.

    settings: by source, {mirror, accept}. Prints what there is and, for what is missing, a to-do list. Nothing is
    fetched for a way that cannot be completed without a person as long as another way is whole.
    """
    entries, incomplete = catalogue(catalogue_file), []
    chosen = {name: Settings(**settings.get(name, {})) for name in entries}
    for benchmark in benchmarks:
        ways = _ways([entry for entry in entries.values() if entry.benchmark == benchmark])
        whole = next((name for name, sources in ways.items() if all(is_there(s, raw) for s in sources)), None)
        if whole is None:
            whole = _fetch_ways(ways, raw, chosen, catalogue_file)
        if whole is None:
            incomplete.append(benchmark)
            print("\n".join(_todo(benchmark, ways, raw, chosen)))
        else:
            print(f"{BENCHMARKS[benchmark]}: there{f' ({whole})' if whole else ''}, in {ways[whole][0].place(raw)}")
            for line in (line for source in ways[whole] for line in _reported(source, raw)):
                print(f"  {line}")
    return incomplete


def is_there(entry: Source, raw: Path) -> bool:
    """Whether all that a source gives is in its place, and is what its name says (`datasets.fetching.contents`).

    What is fetched counts once it was checked and unpacked.
    """
    if not unpacked(entry, raw):
        return False
    if entry.instead and _instead(entry, raw):
        return True
    if entry.kind != "manual" and not (raw / f"{entry.name}.fetched.json").is_file():
        return False
    return not faults(entry, raw)


def _instead(entry: Source, raw: Path) -> bool:
    """Whether there are files that make the source's own unnecessary; the first of many are looked at."""
    files = data_files(entry.place(raw), entry.instead)
    return bool(files) and not any(complaint(path, path.name, Expected()) for path in files[:LOOKED_AT])


def _ways(entries: Sequence[Source]) -> dict[str, list[Source]]:
    """Sources of each way, those that every way needs with each of them."""
    common = [entry for entry in entries if not entry.way]
    names = dict.fromkeys(entry.way for entry in entries if entry.way)
    ways = {name: [*common, *(entry for entry in entries if entry.way == name)] for name in names}
    return ways or {"": common}


def _fetch_ways(
    ways: dict[str, list[Source]], raw: Path, settings: dict[str, Settings], catalogue_file: Path
) -> str | None:
    """Fetch and unpack, a way after the other, until one is whole; its name, or None."""
    for name, sources in ways.items():
        for source in sources:
            chosen = settings[source.name]
            try:
                if source.kind == "manual":
                    unpack_all(source, raw)
                elif not is_there(source, raw) and (chosen.accept or not source.accept):
                    fetch(source.name, raw, mirror=chosen.mirror, accept=chosen.accept, catalogue_file=catalogue_file)
            except InputError as error:
                print(f"error: {error}", file=sys.stderr)
        if all(is_there(source, raw) for source in sources):
            return name
    return None


def _todo(benchmark: str, ways: dict[str, list[Source]], raw: Path, settings: dict[str, Settings]) -> Iterator[str]:
    yield f"\n{BENCHMARKS[benchmark]}: TO DO" + (f", one of {len(ways)} ways" if len(ways) > 1 else "")
    for number, sources in enumerate(ways.values(), 1):
        if len(ways) > 1:
            yield f"  way {number}"
        for source in sources:
            yield from (f"    {line}" for line in _instructions(source, raw, settings[source.name]))


def _instructions(source: Source, raw: Path, settings: Settings) -> Iterator[str]:
    if is_there(source, raw):
        yield f"[x] {source.title}"
        return
    yield f"[ ] {source.title}"
    yield from _wrapped(source.licence)
    if source.kind == "manual":
        yield from _wrapped(f"By hand, from {source.home}: {source.steps}")
    else:
        yield f"    From {source.base_url}; about it: {source.home}"
        if source.accept and not settings.accept:
            yield f"    To accept these terms: sources.{source.name}.accept: true in config.yaml, then run this again."
        if source.token:
            yield f"    It needs the token that its authors mail: put it into the environment variable {source.token}."
    missing = list(faults(source, raw).items())
    for name, wrong in missing[:8]:
        yield f"    -> {source.place(raw) / name}{_checks(source.files[name])}"
        if wrong != MISSING:
            yield from _wrapped(f"what is there {wrong}; delete it and get it again")
    if missing[8:]:
        yield f"    and {len(missing) - 8} files more like these"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _checks(facts: Facts) -> str:
    """How to verify a file by hand."""
    checks = [f"{facts.size:,} bytes"] if facts.size else []
    checks += [f"sha256 {facts.sha256}"] if facts.sha256 else []
    checks += [f"third parties report {facts.reported}"] if facts.reported else []
    return f" ({'; '.join(checks)})" if checks else ""


def _reported(source: Source, raw: Path) -> Iterator[str]:
    """Whether files have the checksums that third parties report; nothing depends on it."""
    for name, facts in source.files.items():
        path = source.place(raw) / name
        if facts.reported and path.is_file():
            same = "as" if facts.is_reported(path) else "not the one that"
            yield f"{name}: {facts.reported.split()[0]} {same} third parties report"
