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
class Wanted:
    """A source, and what the config says of fetching it, as `datasets.fetching.sources.fetch` takes it."""

    entry: Source
    mirror: str | None = None
    accept: bool = False


@dataclass(frozen=True)
class Way:
    """A form that a data set may come in, and the sources of it."""

    name: str
    sources: list[Wanted]

    def is_whole(self, raw: Path) -> bool:
        """Whether all of it is there."""
        return all(is_there(source.entry, raw) for source in self.sources)


def get_data(
    benchmarks: Sequence[str], raw: Path, settings: Mapping[str, Mapping], catalogue_file: Path = CATALOGUE
) -> list[str]:
    """Fetch what may be fetched of these data sets; returns the names of those that are not whole yet.

    settings: by source, {mirror, accept}. Prints what there is and, for what is missing, a to-do list. Nothing is
    fetched for a way that cannot be completed without a person as long as another way is whole.
    """
    entries, incomplete = catalogue(catalogue_file), []
    for benchmark in benchmarks:
        wanted = [Wanted(entry, **settings.get(name, {})) for name, entry in entries.items()]
        ways = _ways([source for source in wanted if source.entry.benchmark == benchmark])
        whole = next((way for way in ways if way.is_whole(raw)), None) or _fetch_ways(ways, raw, catalogue_file)
        if whole is None:
            incomplete.append(benchmark)
            print("\n".join(_todo(benchmark, ways, raw)))
            continue
        place = whole.sources[0].entry.place(raw)
        print(f"{BENCHMARKS[benchmark].title}: there{f' ({whole.name})' if whole.name else ''}, in {place}")
        for line in (line for source in whole.sources for line in _reported(source.entry, raw)):
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


def _ways(sources: Sequence[Wanted]) -> list[Way]:
    """The forms of a data set; sources without a way are of each."""
    names = dict.fromkeys(source.entry.way for source in sources if source.entry.way) or [""]
    common = [source for source in sources if not source.entry.way]
    return [Way(name, [*common, *(s for s in sources if s.entry.way and s.entry.way == name)]) for name in names]


def _fetch_ways(ways: Sequence[Way], raw: Path, catalogue_file: Path) -> Way | None:
    """Fetch and unpack, a way after the other, until one is whole; it, or None."""
    for way in ways:
        for source in way.sources:
            entry, accept = source.entry, source.accept
            try:
                if entry.kind == "manual":
                    unpack_all(entry, raw)
                elif not is_there(entry, raw) and (accept or not entry.accept):
                    fetch(entry.name, raw, mirror=source.mirror, accept=accept, catalogue_file=catalogue_file)
            except InputError as error:
                print(f"error: {error}", file=sys.stderr)
        if way.is_whole(raw):
            return way
    return None


def _todo(benchmark: str, ways: Sequence[Way], raw: Path) -> Iterator[str]:
    yield f"\n{BENCHMARKS[benchmark].title}: TO DO" + (f", one of {len(ways)} ways" if len(ways) > 1 else "")
    for number, way in enumerate(ways, 1):
        if len(ways) > 1:
            yield f"  way {number}"
        for source in way.sources:
            yield from (f"    {line}" for line in _instructions(source.entry, raw, source.accept))


def _instructions(source: Source, raw: Path, accepted: bool) -> Iterator[str]:
    if is_there(source, raw):
        yield f"[x] {source.title}"
        return
    yield f"[ ] {source.title}"
    yield from _wrapped(source.licence)
    if source.kind == "manual":
        yield from _wrapped(f"By hand, from {source.home}: {source.steps}")
    else:
        yield f"    From {source.base_url}; about it: {source.home}"
        if source.accept and not accepted:
            yield f"    To accept these terms: sources.{source.name}.accept: true in config.yaml, then run this again."
        if source.token:
            yield f"    It needs a token that its authors send by mail: put it into the variable ${source.token}."
    missing = list(faults(source, raw).items())
    for name, wrong in missing[:8]:
        yield f"    -> {source.place(raw) / name}{_checks(source.files[name])}"
        if wrong != MISSING:
            yield from _wrapped(f"the file that is there {wrong}; delete it and get it again")
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
