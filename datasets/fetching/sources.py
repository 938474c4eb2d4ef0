"""Sources of data: what the catalogue says of them, fetching them, finding them again.

Raw files lie in `<folder>/<source>/`, or where the entry's `folder` says. A checksum that the catalogue does not know
is written to `<folder>/<source>.lock.json` when a file is first seen whole, fetched or put there by hand, and holds
from then on; a file that is not what its name says (`datasets.fetching.contents`) is neither kept nor locked.
`<folder>/<source>.fetched.json` says that everything is there.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from threading import Lock
from typing import Any

from tqdm import tqdm

from base import ROOT
from base.errors import InputError
from base.files import write_text
from base.foreign import data_files
from base.reading import nearest, read_yaml
from datasets.card import Origin, RawFiles
from datasets.fetching.archives import unpack
from datasets.fetching.contents import Expected, complaint
from datasets.fetching.downloads import Progress, digest, download, recorded_words

CATALOGUE = ROOT / "datasets/catalogue.yaml"
MISSING = "is missing"  # what is wrong with a file that is not there
SPARE = 50_000_000  # bytes that must stay free on the disk
UNPACKING = ".unpacking-"  # how the folder of an archive begins whose files are coming out
SPEAK = 5.0  # seconds between lines of progress where there is no terminal


@dataclass(frozen=True)
class Facts:
    """What the catalogue knows of a file. size in bytes; sha256 in hex digits, or how it begins; reported: the kind of
    a checksum and the sum that third parties give.
    """

    size: int | None
    sha256: str | None
    reported: str = ""

    def is_reported(self, path: Path) -> bool:
        """Whether a file has the sum that third parties report."""
        if not self.reported or not path.is_file():
            return False
        kind, wanted = self.reported.split()
        return digest(path, kind) == wanted


@dataclass(frozen=True)
class Unpacking:
    """Archives to unpack: a pattern of their names, parts in their order, and patterns of what is kept of them."""

    files: str
    keep: Sequence[str] = ("*",)


@dataclass(frozen=True)
class Source:
    """An entry of the catalogue (its head says what each key means)."""

    name: str
    title: str
    home: str
    accept: bool
    licence: str
    files: dict[str, Facts]
    base_url: str = ""
    acknowledgement: str = ""
    kind: str = "auto"
    folder: str = ""
    benchmark: str = ""
    way: str = ""
    token: str = ""
    steps: str = ""
    at_once: int = 1
    instead: str = ""
    unpack: tuple[Unpacking, ...] = ()

    def place(self, raw: Path) -> Path:
        """Where its files lie below the folder of all raw data."""
        return raw / (self.folder or self.name)

    def origin(self, sha256: Mapping[str, str]) -> Origin:
        """What the card of data says that are made of its files; sha256: theirs, by name."""
        return Origin((RawFiles(self.name, self.base_url, sha256),), self.licence, self.acknowledgement)


def catalogue(path: Path = CATALOGUE) -> dict[str, Source]:
    """All sources, by name."""
    entries = {name: Source(name, **entry) for name, entry in read_yaml(path).items()}
    return {name: replace(entry, **_typed(entry)) for name, entry in entries.items()}


def _typed(entry: Source) -> dict[str, Any]:
    """What stands in an entry as mappings, as records."""
    files = {file: Facts(**facts) for file, facts in entry.files.items()}
    return {"files": files, "unpack": tuple(Unpacking(**rule) for rule in entry.unpack)}


def source(name: str, path: Path = CATALOGUE) -> Source:
    """One source. Raises InputError with the nearest known name."""
    sources = catalogue(path)
    if name not in sources:
        raise InputError(f"unknown source {name!r}{nearest(name, sources)}")
    return sources[name]


def fetch(
    name: str, folder: str | Path, *, mirror: str | None = None, accept: bool = False, catalogue_file: Path = CATALOGUE
) -> None:
    """Bring all files of a source to their place in `folder`, unpack them, and write `folder/<name>.fetched.json` last.

    mirror: roots to try before the real site, separated by commas: http(s)://, file:// or a folder; accept: the
    user has accepted the licence. Files that are there and whole are not fetched again, also those that somebody put
    there by hand; a download that was cut goes on where it stopped. Raises InputError: unknown source, licence not
    accepted, no token where one is needed, disk full or read-only, a file that no root gives as what it is or with the
    right sha256, an archive that is damaged or a trap.
    """
    entry, folder = source(name, catalogue_file), Path(folder)
    print(f"{entry.title} ({entry.home})\nlicence: {entry.licence}", file=sys.stderr)
    if entry.accept and not accept:
        raise InputError(f"sources.{name}.accept: read the licence at {entry.home}; set it to true to accept it")
    if entry.token and not os.environ.get(entry.token):
        raise InputError(f"{name}: needs a token from {entry.home}; put it into ${entry.token}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shelf = _Shelf(entry, folder)
        shelf.look()
        missing = [file for file in entry.files if file not in shelf.present]
        _check_space(entry, missing, folder)
        with _progress(entry, missing) as progress:
            shelf.fill(missing, _roots(entry, mirror), progress)
        unpack_all(entry, folder)
        marker = {"source": name, "url": entry.base_url, "sha256": shelf.present}
        write_text(folder / f"{name}.fetched.json", json.dumps(marker, indent=1) + "\n")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); free space or fix permissions") from None


class _Shelf:
    """Where a source's files lie, what is expected of each, and which are there.

    Expected are the catalogue's sums, else those of the lock file. The sum of a file that is there and is no such thing
    is forgotten: an earlier version locked even web pages.
    """

    def __init__(self, entry: Source, folder: Path) -> None:
        """folder: of all raw data."""
        self.entry, self.place, self.lock = entry, entry.place(folder), folder / f"{entry.name}.lock.json"
        self.one_at_a_time, self.present = Lock(), dict[str, str]()  # sha256 of the files that are there
        recorded = _recorded(self.lock)
        self.expected = {file: self._expected(file, recorded.get(file)) for file in entry.files}

    def _expected(self, file: str, recorded: str | None) -> Expected:
        size, sha256 = self.entry.files[file].size, self.entry.files[file].sha256
        rules = (rule.keep for rule in self.entry.unpack if fnmatch(file, rule.files))
        keep, path = next(rules, Unpacking.keep), self.place / file
        if sha256 is None and recorded and not (path.is_file() and complaint(path, file, Expected(size))):
            return Expected(size, recorded, self.lock, keep)
        return Expected(size, sha256, keep=keep)

    def sum(self, file: str) -> str | None:
        """sha256 of a file that is there and whole, else None; of an unknown sum, of one that is what its name says."""
        path, expected = self.place / file, self.expected[file]
        if not path.is_file() or (expected.sha256 is None and complaint(path, path.name, expected, thorough=True)):
            return None
        sha256 = digest(path)
        return sha256 if sha256.startswith(expected.sha256 or "") else None

    def look(self) -> None:
        """Find out what is there, and lock it."""
        self.present = {file: sha256 for file in self.expected if (sha256 := self.sum(file))}
        if any(self.expected[file].sha256 is None for file in self.present):
            self._write_lock()

    def fill(self, missing: Sequence[str], roots: Sequence[str], progress: Progress) -> None:
        """Download files, several at once where the site does not mind; each is locked as it arrives."""

        def get(file: str) -> None:
            sha256 = download(file, roots, self.place / file, self.expected[file], progress)
            with self.one_at_a_time:
                self.present[file] = sha256
                self._write_lock()

        with ThreadPoolExecutor(self.entry.at_once) as workers:
            jobs = [workers.submit(get, file) for file in missing]
            try:
                for job in jobs:
                    job.result()
            except BaseException:
                workers.shutdown(wait=True, cancel_futures=True)
                raise

    def _write_lock(self) -> None:
        """Record the sums of what is there, and those of an earlier time of what is missing just now."""
        earlier = {file: expected.sha256 for file, expected in self.expected.items() if expected.recorded}
        files = {}
        for file, sha256 in sorted((earlier | self.present).items()):
            path = self.place / file
            files[file] = {"sha256": sha256, "size": path.stat().st_size if path.exists() else None}
        write_text(self.lock, json.dumps({"source": self.entry.name, "files": files}, indent=1) + "\n")


def unpack_all(entry: Source, folder: Path) -> None:
    """Unpack a source's archives where the catalogue says so, unless that was done with the very same files.

    What an archive holds takes its place when all of it has come out.
    """
    place = entry.place(folder)
    for rule in entry.unpack:
        archives = data_files(place, rule.files)
        if not archives:  # of a source that is placed by hand, and unpacked already
            continue
        _check_parts(archives)
        if _is_unpacked(archives):
            continue
        print(f"{entry.name}: unpacking {', '.join(path.name for path in archives)}", file=sys.stderr)
        part = place / f"{UNPACKING}{archives[0].name}"
        shutil.rmtree(part, ignore_errors=True)  # left behind by a killed run
        try:
            if not unpack(archives, part, rule.keep, os.environ.get(entry.token)):
                raise InputError(f"{archives[0]}: holds none of {', '.join(rule.keep)}; is it the right file?")
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        _move_all(part, place)
        write_text(_unpacked_marker(archives), _stamps(archives))


def _check_parts(archives: Sequence[Path]) -> None:
    """Raise InputError where a part in the middle (.aa, .ab, .ad) is missing: the archive is not damaged then."""
    letters = [path.name[-1] for path in archives]
    wanted = [chr(ord("a") + i) for i in range(len(archives))]
    if len(archives) > 1 and letters != wanted:
        lost = next(wish for wish, letter in zip(wanted, letters, strict=True) if wish != letter)
        raise InputError(f"{archives[0].with_name(archives[0].name[:-1] + lost)}: is missing; put all parts there")


def _move_all(part: Path, place: Path) -> None:
    for path in sorted(part.rglob("*")):
        if path.is_file():
            target = place / path.relative_to(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)  # frames may be linked from another disk
    shutil.rmtree(part)


def _unpacked_marker(archives: Sequence[Path]) -> Path:
    return archives[0].with_name(f".{archives[0].name}.unpacked.json")


def _stamps(archives: Sequence[Path]) -> str:
    """What tells whether archives are still the same."""
    return json.dumps({path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in archives})


def _is_unpacked(archives: Sequence[Path]) -> bool:
    marker = _unpacked_marker(archives)
    return marker.is_file() and marker.read_bytes() == _stamps(archives).encode()


def unpacked(entry: Source, folder: Path) -> bool:
    """Whether every archive of a source that is there was unpacked, to the last file."""
    place = entry.place(folder)
    archives = (data_files(place, rule.files) for rule in entry.unpack)
    return not any(place.glob(f"{UNPACKING}*")) and all(map(_is_unpacked, filter(None, archives)))


def verified(name: str, folder: Path | None, files: Sequence[str]) -> dict[str, str]:
    """sha256 of some files of a source, once all of them are there and right.

    folder: where `fetch` put the source. Raises InputError naming the file and the remedy.
    """
    if folder is None:
        raise InputError(f"{name}: needs its raw files; fetch them and pass their folder as raw_dir")
    shelf, marker, hashes = _Shelf(source(name), folder), folder / f"{name}.fetched.json", {}
    again = f" (delete {marker}; `make` then fetches it)" if marker.is_file() else ""
    for file in files:
        path, expected = shelf.place / file, shelf.expected[file]
        if not path.is_file():
            raise InputError(f"{path}: is missing; fetch the source {name!r} first{again}")
        if expected.sha256 is None or not (sha256 := shelf.sum(file)):
            whence = f", {recorded_words(expected.recorded, path.name)}" if expected.recorded else ""
            what = complaint(path, file, Expected()) or f"differs from its sha256{whence}"
            raise InputError(f"{path}: {what}; delete it and fetch the source {name!r} again{again}")
        hashes[file] = sha256
    return hashes


def faults(entry: Source, folder: Path) -> dict[str, str]:
    """Files of a source that are missing or are not what they should be, and what is wrong with each."""
    place = entry.place(folder)
    return {name: wrong for name, facts in entry.files.items() if (wrong := _fault(place / name, name, facts))}


def _fault(path: Path, name: str, facts: Facts) -> str | None:
    if not path.exists():
        return MISSING
    wrong = complaint(path, name, Expected(facts.size, keep=()))
    return None if wrong and facts.is_reported(path) else wrong


def _roots(entry: Source, mirror: str | None) -> list[str]:
    """Addresses to try in turn: the mirrors, then the real site."""
    mirrors = [root.strip() for root in (mirror or "").split(",") if root.strip()]
    return [root if "://" in root else Path(root).resolve().as_uri() for root in mirrors] + [entry.base_url]


def _recorded(lock_file: Path) -> dict[str, str]:
    """sha256 of each file that was there once. Raises InputError naming the lock file if it is damaged."""
    try:
        files = json.loads(lock_file.read_text(encoding="utf-8"))["files"] if lock_file.exists() else {}
        return {file: files[file]["sha256"] for file in files}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{lock_file}: damaged; delete it to trust the files of the next download") from None


def _check_space(entry: Source, missing: Sequence[str], folder: Path) -> None:
    needed = sum(entry.files[file].size or 0 for file in missing)
    free = shutil.disk_usage(folder).free
    if missing and needed + SPARE > free:
        raise InputError(
            f"{folder}: {needed / 1e6:.0f} MB must be downloaded, but only {free / 1e6:.0f} MB are free on the disk, "
            f"of which {SPARE / 1e6:.0f} MB must stay free; free some space"
        )


@contextmanager
def _progress(entry: Source, missing: Sequence[str]) -> Iterator[Progress]:
    """A bar on a terminal, else a line every few seconds."""
    total = sum(entry.files[file].size or 0 for file in missing)
    print(f"{entry.name}: {len(missing)} of {len(entry.files)} files to fetch, {total / 1e6:.1f} MB", file=sys.stderr)
    if sys.stderr.isatty():
        with tqdm(total=total or None, unit="B", unit_scale=True, desc=entry.name) as bar:
            yield bar.update
        return
    began = spoken = time.monotonic()
    done = 0

    def tell(received: int) -> None:
        nonlocal done, spoken
        done += received
        now = time.monotonic()
        if now - spoken > SPEAK:
            spoken = now
            rate = max(done / (now - began), 1)
            left = f", about {(total - done) / rate / 60:.0f} min left" if total > done else ""
            print(
                f"{entry.name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s{left}", file=sys.stderr
            )

    yield tell
    print(f"{entry.name}: done, {done / 1e6:.1f} MB", file=sys.stderr)
