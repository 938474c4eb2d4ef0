"""Sources of data: what the catalogue says of them, fetching them, finding them again.

Raw files lie in `<folder>/<source>/`, or where the entry's `folder` says. A checksum that the catalogue does not know
is written to `<folder>/<source>.lock.json` at the first download and holds from then on.
`<folder>/<source>.fetched.json` says that everything is there.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from tqdm import tqdm

from datasets.archives import unpack
from datasets.downloads import Progress, digest, download
from studies.errors import InputError
from studies.files import write_text
from studies.reading import nearest, read_yaml

CATALOGUE = Path(__file__).with_name("catalogue.yaml")
SPARE = 50_000_000  # bytes that must stay free on the disk
SPEAK = 5.0  # seconds between lines of progress where there is no terminal


@dataclass(frozen=True)
class Source:
    """An entry of the catalogue (its head says what each key means).

    files: name -> {size: bytes or None, sha256: hex, or how it begins, or None}.
    """

    name: str
    title: str
    home: str
    accept: bool
    licence: str
    files: dict[str, dict]
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
    unpack: tuple[dict, ...] = ()

    def place(self, raw: Path) -> Path:
        """Where its files lie below the folder of all raw data."""
        return raw / (self.folder or self.name)


def catalogue(path: Path = CATALOGUE) -> dict[str, Source]:
    """All sources, by name."""
    entries = {name: entry | {"unpack": tuple(entry.get("unpack", ()))} for name, entry in read_yaml(path).items()}
    return {name: Source(name, **entry) for name, entry in entries.items()}


def source(name: str, path: Path = CATALOGUE) -> Source:
    """One source. Raises InputError with the nearest known name."""
    known = catalogue(path)
    if name not in known:
        raise InputError(f"unknown source {name!r}{nearest(name, known)}")
    return known[name]


def fetch(
    name: str, folder: str | Path, *, mirror: str | None = None, accept: bool = False, catalogue_file: Path = CATALOGUE
) -> None:
    """Bring all files of a source to their place in `folder`, unpack them, and write `folder/<name>.fetched.json` last.

    mirror: roots to try before the real site, separated by commas: http(s)://, file:// or a folder; accept: the
    user has accepted the licence. Files that are there and whole are not fetched again; a download that was cut
    goes on where it stopped. Raises InputError: unknown source, licence not accepted, no token where one is needed,
    disk full or read-only, a file that no root gives with the right sha256, an archive that is damaged or a trap.
    """
    entry, folder = source(name, catalogue_file), Path(folder)
    print(f"{entry.title} ({entry.home})\nlicence: {entry.licence}", file=sys.stderr)
    if entry.accept and not accept:
        raise InputError(f"sources.{name}.accept: read the licence at {entry.home}; set it to true to accept it")
    if entry.token and not os.environ.get(entry.token):
        raise InputError(f"{name}: needs the token that {entry.home} gives to people; put it into ${entry.token}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = _locked(entry, folder)
        missing = [file for file in entry.files if not _whole(entry.place(folder) / file, known[file])]
        _check_space(entry, missing, folder)
        with _progress(entry, missing) as progress:
            _download_all(entry, folder, missing, known, _roots(entry, mirror), progress)
        unpack_all(entry, folder)
        marker = {"source": name, "url": entry.base_url, "sha256": known}
        write_text(folder / f"{name}.fetched.json", json.dumps(marker, indent=1) + "\n")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); free space or fix permissions") from None


def _download_all(
    entry: Source, folder: Path, missing: Sequence[str], known: dict, roots: list[str], progress: Progress
) -> None:
    """Download the missing files, several at once where the site does not mind; each is locked as it arrives."""
    one_at_a_time = Lock()

    def get(file: str) -> None:
        found = download(file, roots, entry.place(folder) / file, known[file], progress)
        with one_at_a_time:
            known[file] = found
            _write_lock(entry, folder, known)

    with ThreadPoolExecutor(entry.at_once) as workers:
        jobs = [workers.submit(get, file) for file in missing]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            workers.shutdown(wait=True, cancel_futures=True)
            raise


def unpack_all(entry: Source, folder: Path) -> None:
    """Unpack a source's archives where the catalogue says so, unless that was done with the very same files."""
    place = entry.place(folder)
    for rule in entry.unpack:
        archives = sorted(place.glob(rule["files"]))
        if not archives:  # of a source that is placed by hand, and unpacked already
            continue
        marker = place / f".{archives[0].name}.unpacked.json"
        done = {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in archives}
        if marker.is_file() and json.loads(marker.read_text(encoding="utf-8")) == done:
            continue
        print(f"{entry.name}: unpacking {', '.join(done)}", file=sys.stderr)
        keep = rule.get("keep", ["*"])
        if not unpack(archives, place, keep, os.environ.get(entry.token)):
            raise InputError(f"{archives[0]}: holds none of {', '.join(keep)}; is it the right file?")
        write_text(marker, json.dumps(done))


def verified(name: str, folder: Path | None, files: Sequence[str]) -> dict[str, str]:
    """sha256 of some files of a source, once all of them are there and right.

    folder: where `fetch` put the source. Raises InputError naming the file and the remedy.
    """
    if folder is None:
        raise InputError(f"{name}: raw files are needed; fetch them and say in which folder they are (raw_dir)")
    known = _locked(source(name), folder)
    for file in files:
        path = source(name).place(folder) / file
        if not path.is_file():
            raise InputError(f"{path}: is missing; fetch the source {name!r} first")
        if not _whole(path, known[file]):
            raise InputError(f"{path}: differs from its sha256; delete it and fetch the source {name!r} again")
    return {file: known[file] for file in files}


def _roots(entry: Source, mirror: str | None) -> list[str]:
    """Addresses to try in turn: the mirrors, then the real site."""
    mirrors = [root.strip() for root in (mirror or "").split(",") if root.strip()]
    return [root if "://" in root else Path(root).resolve().as_uri() for root in mirrors] + [entry.base_url]


def _lock_file(entry: Source, folder: Path) -> Path:
    return folder / f"{entry.name}.lock.json"


def _locked(entry: Source, folder: Path) -> dict[str, str | None]:
    """sha256 of each file: the catalogue's, else the lock file's, else None."""
    path = _lock_file(entry, folder)
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))["files"] if path.exists() else {}
        first = {file: lock[file]["sha256"] for file in lock}
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: damaged; delete it to trust the files of the next download") from None
    return {file: facts["sha256"] or first.get(file) for file, facts in entry.files.items()}


def _write_lock(entry: Source, folder: Path, known: dict[str, str | None]) -> None:
    there = {file: entry.place(folder) / file for file in entry.files if known[file]}
    files = {
        file: {"sha256": known[file], "size": path.stat().st_size} for file, path in there.items() if path.exists()
    }
    lock = {"source": entry.name, "files": files}
    write_text(_lock_file(entry, folder), json.dumps(lock, indent=1) + "\n")


def _whole(path: Path, sha256: str | None) -> bool:
    return path.is_file() and sha256 is not None and digest(path).startswith(sha256)


def _check_space(entry: Source, missing: Sequence[str], folder: Path) -> None:
    needed = sum(entry.files[file]["size"] or 0 for file in missing)
    free = shutil.disk_usage(folder).free
    if missing and needed + SPARE > free:
        raise InputError(
            f"{folder}: {needed / 1e6:.0f} MB are to be fetched, but of {free / 1e6:.0f} MB free on the disk "
            f"{SPARE / 1e6:.0f} MB must stay so; free some space"
        )


@contextmanager
def _progress(entry: Source, missing: Sequence[str]) -> Iterator[Progress]:
    """A bar on a terminal, else a line every few seconds."""
    total = sum(entry.files[file]["size"] or 0 for file in missing)
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
