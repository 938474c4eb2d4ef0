"""One file from one of several roots: resumed, checked, renamed into place only when whole.

urllib serves http(s):// and file:// alike. What has arrived is kept as NAME.part and continued by a Range request, if
it came from the same address and, where the server says so (ETag, Last-Modified), of the same version: NAME.part.json
remembers both. Parts of two versions would make a file that nobody published, and no checksum is known for many: of
these the content is looked at (`datasets.fetching.contents`), so that no web page is ever taken for a file.

Looked at besides: pooch (checks hashes, but starts each download again) and requests, which adds nothing here.
"""

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote

from base.errors import InputError
from base.files import write_text
from datasets.fetching.contents import Expected, complaint

ATTEMPTS = 4  # at each root, while the trouble looks temporary
PAUSE = 1.0  # seconds before the second attempt; doubled each time
TIMEOUT = 60  # seconds without a byte
SLOWEST = 1000  # bytes a second, over WINDOW seconds: a slower answer is broken off and asked for again
WINDOW = 60.0
CHUNK = 1 << 18
TEMPORARY = {408, 429, 500, 502, 503, 504}  # HTTP statuses worth another attempt

Progress = Callable[[int], None]


class _UnavailableError(Exception):
    """This root does not give the file; the reason is the message."""


class _InterruptedError(Exception):
    """The file came in part or not at all, for a reason that may pass."""


def download(
    name: str, roots: Sequence[str], target: Path, expected: Expected, progress: Progress = lambda received: None
) -> str:
    """Get `name` from the first root that has it, as `target`; returns its sha256.

    roots: http(s):// or file:// addresses that `name` is appended to; expected: what is known of the file;
    progress: told how many bytes have arrived since it was last called (negative when a part is thrown away).
    Raises InputError in one line when no root gives the whole file, and then leaves nothing of what is not the file;
    OSError when the disk does not take it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for root in roots:
        url = f"{root.rstrip('/')}/{quote(name)}"
        try:
            return _from(url, target, expected, progress)
        except _UnavailableError as error:
            reasons.append(f"{url}: {error}")
    remedy = "check the network, or name another mirror in config.yaml under sources"
    raise InputError(f"{target.name} cannot be fetched ({'; '.join(reasons)}); {remedy}")


def digest(path: Path, kind: str = "sha256") -> str:
    """Checksum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def _from(url: str, target: Path, expected: Expected, progress: Progress) -> str:
    part = target.with_name(target.name + ".part")
    resumed = part.exists()
    if resumed:
        progress(part.stat().st_size)
    if resumed and expected.sha256 is None and _origin(part).get("url") != url:
        _discard(part, progress)  # of another address; nothing would tell that the two do not fit
    _whole(url, part, progress)
    sha256, wrong = _judged(part, target, expected)
    if wrong and resumed:  # the old part may come from another root or version
        _discard(part, progress)
        _whole(url, part, progress)
        sha256, wrong = _judged(part, target, expected)
    if wrong:
        _discard(part, progress)
        raise _UnavailableError(wrong)
    part.replace(target)
    _origin_file(part).unlink(missing_ok=True)
    return sha256


def _judged(part: Path, target: Path, expected: Expected) -> tuple[str, str | None]:
    """sha256 of what arrived, and what is wrong with it. A sum that is known decides alone."""
    sha256 = digest(part)
    if expected.sha256 is None:
        return sha256, complaint(part, target.name, expected, thorough=True)
    if sha256.startswith(expected.sha256):
        return sha256, None
    other = complaint(part, target.name, Expected())  # a web page, for instance, says more than its sum
    whence = f", {recorded_words(expected.recorded, target.name)}" if expected.recorded else ""
    sums = f"wrong sha256, got {sha256[:12]}..., expected {expected.sha256[:12]}...{whence}"
    return sha256, f"{other}; {sums}" if other else sums


def recorded_words(lock: Path, name: str) -> str:
    """What to say of a sum that no publisher gave."""
    return f"the sha256 recorded at the first download, in {lock}: delete that file if {name} was replaced upstream"


def _whole(url: str, part: Path, progress: Progress) -> None:
    """Fill `part` up, in several attempts if need be."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            return _continue(url, part, progress)
        except _InterruptedError as error:
            reason = str(error)
    raise _UnavailableError(f"{reason}, {ATTEMPTS} times")


def _continue(url: str, part: Path, progress: Progress) -> None:
    """One request for the bytes that `part` lacks."""
    have = part.stat().st_size if part.exists() else 0
    try:
        version = _origin(part).get("version")
        headers = ({"Range": f"bytes={have}-"} | ({"If-Range": version} if version else {})) if have else {}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
            length = answer.headers.get("Content-Length")
            if have and not _continues(answer, have):  # the whole file again, as file:// does
                _discard(part, progress)
                have = 0
                if getattr(answer, "status", None) == 206:
                    raise _InterruptedError("the server sent a different piece from the requested one")
            _remember(part, url, answer.headers)
            received = _append(_chunks(answer), part, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing left to send: `part` is whole or not what it should be
            return
        kind = _InterruptedError if error.code in TEMPORARY else _UnavailableError
        raise kind(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        kind = _UnavailableError if url.startswith("file:") else _InterruptedError
        raise kind(f"{reason}") from None
    except (HTTPException, ConnectionError, TimeoutError) as error:  # before there was any answer
        raise _InterruptedError(f"no answer ({error})") from None
    if length is not None and received < int(length):
        raise _InterruptedError(f"connection closed after {have + received} of {have + int(length)} bytes")


def _chunks(answer) -> Iterator[bytes]:
    """The body in pieces; an error of the connection ends it, one of the disk does not arise here."""
    try:
        arrived, since = 0, time.monotonic()
        while chunk := answer.read1(CHUNK):
            yield chunk
            arrived, passed = arrived + len(chunk), time.monotonic() - since
            if passed > WINDOW:
                if arrived < SLOWEST * passed:
                    raise _InterruptedError(f"only {arrived / passed:.0f} bytes a second arrived")
                arrived, since = 0, time.monotonic()
    except (HTTPException, OSError) as error:
        raise _InterruptedError(f"connection broke ({error})") from None


def _append(chunks: Iterator[bytes], part: Path, progress: Progress) -> int:
    received = 0
    with part.open("ab") as file:
        for chunk in chunks:
            file.write(chunk)
            received += len(chunk)
            progress(len(chunk))
    return received


def _discard(part: Path, progress: Progress) -> None:
    progress(-part.stat().st_size)
    part.unlink()
    _origin_file(part).unlink(missing_ok=True)


def _continues(answer, have: int) -> bool:
    """Whether an answer is the rest that was asked for."""
    given = answer.headers.get("Content-Range", f"bytes {have}-")
    return getattr(answer, "status", None) == 206 and given.startswith(f"bytes {have}-")


def _origin_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _origin(part: Path) -> dict[str, str]:
    """Address and version of what `part` holds."""
    try:
        return json.loads(_origin_file(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _remember(part: Path, url: str, headers: Mapping[str, str]) -> None:
    etag = headers.get("ETag")
    strong = etag if etag and not etag.startswith("W/") else None  # only these may be asked for with If-Range
    version = strong or headers.get("Last-Modified")
    write_text(_origin_file(part), json.dumps({"url": url, "version": version}))
