"""Downloads from a loopback server that misbehaves, and from folders: whole files, or one clear line."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from base.errors import InputError
from datasets.fetching import downloads
from datasets.fetching.sources import catalogue, fetch, verified

BODY = bytes(range(256)) * 4000  # about 1 MB
GOOD = hashlib.sha256(BODY).hexdigest()


class Site(ThreadingHTTPServer):
    """Serves BODY as /data.bin. cuts: how many answers end in mid-body; status: answer with this error instead."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.cuts, self.status, self.ranges = 0, 0, True
        self.body, self.trickle = BODY, False
        self.served: list[int] = []  # body bytes of each answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        if self.server.status or self.path != "/data.bin":
            return self.send_error(self.server.status or 404)
        asked = self.headers.get("Range") if self.server.ranges else None
        etag = f'"{hashlib.md5(self.server.body).hexdigest()}"'
        if self.headers.get("If-Range") not in (None, etag):
            asked = None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        body = self.server.body[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", etag)
        self.end_headers()
        if self.server.cuts:
            self.server.cuts -= 1
            body = body[: len(body) // 2]
        if self.server.trickle:
            return self._trickle(body)
        self.server.served.append(len(body))
        self.wfile.write(body)

    def _trickle(self, body: bytes) -> None:
        """A few bytes now and then, until nobody listens any more."""
        self.server.trickle = False
        with contextlib.suppress(OSError):
            for start in range(0, len(body), 10):
                self.wfile.write(body[start : start + 10])
                self.wfile.flush()
                time.sleep(0.02)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(downloads, "PAUSE", 0.01)
    server = Site()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def entry(site: Site, tmp_path: Path):
    """Writes a catalogue with one source, `toy`, whose one file has the given facts; returns its path."""

    def write(sha256: str | None = GOOD, accept: bool = False, size: int | None = len(BODY)) -> Path:
        text = {
            "title": "Toy",
            "home": "http://example.org",
            "base_url": site.url,
            "accept": accept,
            "licence": "Use it well.",
            "acknowledgement": "",
            "files": {"data.bin": {"size": size, "sha256": sha256}},
        }
        path = tmp_path / "catalogue.yaml"
        path.write_text(json.dumps({"toy": text}))
        return path

    return write


def _left(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_fetches_once(site: Site, entry, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY
    assert "Use it well." in capsys.readouterr().err
    assert json.loads((tmp_path / "raw/toy.fetched.json").read_text())["sha256"] == {"data.bin": GOOD}
    fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert site.served == [len(BODY)]
    assert _left(tmp_path / "raw") == ["toy.fetched.json", "toy.lock.json", "toy/data.bin"]


def test_a_cut_connection_is_resumed(site: Site, entry, tmp_path: Path) -> None:
    site.cuts = 2
    fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY
    assert site.served == [len(BODY) // 2, len(BODY) // 4, len(BODY) // 4]  # no byte twice


def test_a_download_goes_on_after_giving_up(site: Site, entry, tmp_path: Path) -> None:
    site.cuts = downloads.ATTEMPTS
    with pytest.raises(
        InputError, match=r"data\.bin cannot be fetched .*connection closed after \d+ of \d+ bytes"
    ) as caught:
        fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert "\n" not in str(caught.value)
    assert _left(tmp_path / "raw") == ["toy/data.bin.part", "toy/data.bin.part.json"]
    fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert sum(site.served) == len(BODY)
    assert not list((tmp_path / "raw").rglob("*.part*"))


def test_a_server_without_ranges_starts_again(site: Site, entry, tmp_path: Path) -> None:
    site.cuts, site.ranges = 1, False
    fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY
    assert site.served == [len(BODY) // 2, len(BODY)]


def test_a_stale_part_is_thrown_away(site: Site, entry, tmp_path: Path) -> None:
    (tmp_path / "raw/toy").mkdir(parents=True)
    (tmp_path / "raw/toy/data.bin.part").write_bytes(b"something else")
    fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY


def test_a_new_version_in_mid_download_starts_again(site: Site, entry, tmp_path: Path) -> None:
    """No checksum is known, so nothing else would tell that the two halves belong to different files."""
    site.cuts = downloads.ATTEMPTS
    with pytest.raises(InputError):
        fetch("toy", tmp_path / "raw", catalogue_file=entry(sha256=None))
    site.body = BODY[::-1]
    fetch("toy", tmp_path / "raw", catalogue_file=entry(sha256=None))
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == site.body


def test_a_part_from_elsewhere_is_not_continued(site: Site, entry, tmp_path: Path) -> None:
    (tmp_path / "raw/toy").mkdir(parents=True)
    (tmp_path / "raw/toy/data.bin.part").write_bytes(b"something else")
    fetch("toy", tmp_path / "raw", catalogue_file=entry(sha256=None))
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY


PAGE = b"<!DOCTYPE html>\n<html>Please sign in.</html>"


def test_a_page_is_not_kept_and_the_file_is_taken_once_it_is_there(site: Site, entry, tmp_path: Path) -> None:
    path = entry(sha256=None, size=None)
    site.body = PAGE
    with pytest.raises(
        InputError, match=rf"data\.bin cannot be fetched \({site.url}/data\.bin: is not the file but a web page"
    ):
        fetch("toy", tmp_path / "raw", catalogue_file=path)
    assert not _left(tmp_path / "raw")
    site.body = BODY
    fetch("toy", tmp_path / "raw", catalogue_file=path)
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY


@pytest.mark.parametrize("body", [PAGE, b"", BODY[:-1]])
def test_a_file_of_another_size_is_not_kept(body: bytes, site: Site, entry, tmp_path: Path) -> None:
    site.body = body
    with pytest.raises(InputError, match=r"a web page|but empty|has 1,023,999 bytes instead of 1,024,000"):
        fetch("toy", tmp_path / "raw", catalogue_file=entry(sha256=None))
    assert not _left(tmp_path / "raw")


def test_half_a_page_is_not_continued_to_a_file(site: Site, entry, tmp_path: Path) -> None:
    """The server tells no version here, so nothing but the content shows that the halves do not fit."""
    (tmp_path / "raw/toy").mkdir(parents=True)
    (tmp_path / "raw/toy/data.bin.part").write_bytes(PAGE)
    origin = {"url": f"{site.url}/data.bin", "version": None}
    (tmp_path / "raw/toy/data.bin.part.json").write_text(json.dumps(origin))
    fetch("toy", tmp_path / "raw", catalogue_file=entry(sha256=None, size=None))
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY


def test_a_page_from_a_mirror_leads_to_the_next_root(site: Site, entry, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/data.bin").write_bytes(PAGE)
    fetch("toy", tmp_path / "raw", mirror=str(tmp_path / "mirror"), catalogue_file=entry(sha256=None))
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY


def test_a_trickle_is_broken_off(site: Site, entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "WINDOW", 0.2)
    monkeypatch.setattr(downloads, "SLOWEST", 100_000)
    site.trickle = True
    fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY
    assert site.served[-1] < len(BODY)  # what had arrived was kept


def test_wrong_bytes_of_the_right_length_are_never_used(site: Site, entry, tmp_path: Path) -> None:
    site.body = bytes(len(BODY))
    with pytest.raises(InputError, match="wrong sha256"):
        fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert not _left(tmp_path / "raw")


def test_the_beginning_of_a_sha256_is_enough(entry, tmp_path: Path) -> None:
    fetch("toy", tmp_path / "raw", catalogue_file=entry(sha256=GOOD[:8]))
    with pytest.raises(InputError, match="wrong sha256"):
        fetch("toy", tmp_path / "other", catalogue_file=entry(sha256="01234567"))


KILLED = """
import sys
from pathlib import Path
from datasets.fetching import downloads
from datasets.fetching.sources import fetch
real = downloads._append
def slowly(chunks, part, progress):
    for chunk in chunks:
        real(iter([chunk[:1000]]), part, progress)
        print("got some", flush=True)
        __import__("time").sleep(60)
downloads._append = slowly
fetch("toy", Path(sys.argv[1]), catalogue_file=Path(sys.argv[2]))
"""


def test_a_killed_download_goes_on(site: Site, entry, tmp_path: Path) -> None:
    path = entry(sha256=None)
    command = [sys.executable, "-c", KILLED, tmp_path / "raw", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        process.kill()
    assert (tmp_path / "raw/toy/data.bin.part").stat().st_size == 1000
    fetch("toy", tmp_path / "raw", catalogue_file=path)
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY
    assert site.served[-1] == len(BODY) - 1000


@pytest.mark.parametrize(
    ("status", "message", "requests"), [(404, "HTTP 404", 1), (403, "HTTP 403", 1), (503, "HTTP 503 .*4 times", 4)]
)
def test_a_refusal_is_one_line(status: int, message: str, requests: int, site: Site, entry, tmp_path: Path) -> None:
    site.status = status
    with pytest.raises(
        InputError, match=rf"data\.bin cannot be fetched \(http://.*{message}.*name another mirror"
    ) as caught:
        fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert "\n" not in str(caught.value)
    assert not _left(tmp_path / "raw")


def test_nobody_listens(site: Site, entry, tmp_path: Path) -> None:
    path = entry()
    site.socket.close()
    with pytest.raises(InputError, match="Connection refused"):
        fetch("toy", tmp_path / "raw", catalogue_file=path)


def test_a_wrong_sha256_leaves_nothing(entry, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"wrong sha256, got {GOOD[:12]}\.\.\., expected 000000000000"):
        fetch("toy", tmp_path / "raw", catalogue_file=entry(sha256="0" * 64))
    assert not _left(tmp_path / "raw")


def test_an_unknown_sha256_is_locked_at_first_use(site: Site, entry, tmp_path: Path) -> None:
    fetch("toy", tmp_path / "raw", catalogue_file=entry(sha256=None))
    lock = json.loads((tmp_path / "raw/toy.lock.json").read_text())
    assert lock["files"] == {"data.bin": {"sha256": GOOD, "size": len(BODY)}}
    (tmp_path / "other").mkdir()
    (tmp_path / "other/data.bin").write_bytes(b"changed")
    (tmp_path / "raw/toy/data.bin").unlink()
    site.status = 404
    with pytest.raises(InputError, match="wrong sha256"):
        fetch("toy", tmp_path / "raw", mirror=str(tmp_path / "other"), catalogue_file=entry(sha256=None))
    (tmp_path / "raw/toy.lock.json").write_text("{")
    with pytest.raises(InputError, match=r"toy\.lock\.json: damaged"):
        fetch("toy", tmp_path / "raw", catalogue_file=entry(sha256=None))


@pytest.mark.parametrize("form", ["folder", "file", "http"])
def test_mirrors_come_first_in_their_order(form: str, site: Site, entry, tmp_path: Path) -> None:
    good, empty = tmp_path / "good mirror", tmp_path / "empty"
    good.mkdir()
    empty.mkdir()
    (good / "data.bin").write_bytes(BODY)
    last = {"folder": str(good), "file": good.as_uri(), "http": site.url}[form]
    fetch("toy", tmp_path / "raw", mirror=f"{empty}, {last}", catalogue_file=entry())
    assert (tmp_path / "raw/toy/data.bin").read_bytes() == BODY
    assert len(site.served) == (form == "http")


def test_a_licence_that_must_be_accepted(site: Site, entry, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sources\.toy\.accept: read the licence at http://example\.org"):
        fetch("toy", tmp_path / "raw", catalogue_file=entry(accept=True))
    assert not site.served
    fetch("toy", tmp_path / "raw", accept=True, catalogue_file=entry(accept=True))


def test_no_space(site: Site, entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(InputError, match="1 MB must be downloaded, but only 0 MB are free"):
        fetch("toy", tmp_path / "raw", catalogue_file=entry())
    assert not site.served


def test_a_folder_that_cannot_be_written(entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = entry()
    monkeypatch.setattr(Path, "open", _read_only(Path.open))  # permissions do not stop root, who may run the tests
    with pytest.raises(InputError, match=r"raw: cannot be written \(Read-only file system\); free space"):
        fetch("toy", tmp_path / "raw", catalogue_file=path)
    assert not _left(tmp_path / "raw")


def _read_only(real):
    def refuse(path: Path, mode: str = "r", *rest: object, **more: object):
        if set(mode) & set("wa+x"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, mode, *rest, **more)

    return refuse


def test_verified_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs its raw files"):
        verified("cmu", None, ["subjects/02/02.asf"])
    with pytest.raises(InputError, match=r"02\.asf: is missing; fetch the source 'cmu' first"):
        verified("cmu", tmp_path, ["subjects/02/02.asf"])
    (tmp_path / "cmu/subjects/02").mkdir(parents=True)
    (tmp_path / "cmu/subjects/02/02.asf").write_text("broken")
    with pytest.raises(InputError, match=r"02\.asf: differs from its sha256; delete it"):
        verified("cmu", tmp_path, ["subjects/02/02.asf"])
    (tmp_path / "cmu/subjects/02/02.asf").write_bytes(PAGE)
    (tmp_path / "cmu.fetched.json").write_text("{}")  # Snakemake looks at this one only
    with pytest.raises(InputError, match=r"02\.asf: is not the file but a web page.*\(delete .*cmu\.fetched\.json"):
        verified("cmu", tmp_path, ["subjects/02/02.asf"])


def test_unknown_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown source 'cmuu'; did you mean 'cmu'"):
        fetch("cmuu", tmp_path)


def test_the_catalogue_is_whole() -> None:
    cmu = catalogue()["cmu"]
    assert len(cmu.files) == 39
    assert all(len(facts.sha256) == 64 and facts.size > 0 for facts in cmu.files.values())
    assert cmu.base_url == "http://mocap.cs.cmu.edu"
    assert "free for all uses" in cmu.licence
    assert "NSF EIA-0196217" in cmu.acknowledgement


@pytest.mark.shared
def test_the_catalogue_agrees_with_the_mirror(shared: Path, tmp_path: Path) -> None:
    mirror = shared / "data/cmu"
    fetch("cmu", tmp_path, mirror=f"{mirror},{mirror / 'extra'}")
    files = catalogue()["cmu"].files
    assert len(verified("cmu", tmp_path, list(files))) == 39
    assert {name: (tmp_path / "cmu" / name).stat().st_size for name in files} == {n: f.size for n, f in files.items()}
    assert (tmp_path / "cmu.fetched.json").is_file()
