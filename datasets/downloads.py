"""One file from one of several roots: resumed, checked, renamed into place only when whole.

urllib serves http(s):// and file:// alike. What has arrived is kept as NAME.part and continued by a Range
request.
"""

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote

from studies.errors import InputError

ATTEMPTS = 4  # at each root, while the trouble looks temporary
PAUSE = 1.0  # seconds before the second attempt; doubled each time
TIMEOUT = 60  # seconds without a byte
CHUNK = 1 << 18
TEMPORARY = {408, 429, 500, 502, 503, 504}  # HTTP statuses worth another attempt

Progress = Callable[[int], None]


class _UnavailableError(Exception):
    """This root does not give the file; the reason is the message."""


class _InterruptedError(Exception):
    """The file came in part or not at all, for a reason that may pass."""


def download(
    name: str, roots: Sequence[str], target: Path, sha256: str | None, progress: Progress = lambda received: None
) -> str:
    """Get `name` from the first root that has it, as `target`; returns its sha256.

    roots: http(s):// or file:// addresses that `name` is appended to; sha256: what it must be, None if unknown;
    progress: told how many bytes have arrived since it was last called (negative when a part is thrown away).
    Raises InputError in one line when no root gives the whole file; OSError when the disk does not take it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for root in roots:
        url = f"{root.rstrip('/')}/{quote(name)}"
        try:
            return _from(url, target, sha256, progress)
        except _UnavailableError as error:
            reasons.append(f"{url}: {error}")
    remedy = "check the network, or name another mirror in config.yaml under sources"
    raise InputError(f"{target.name} cannot be fetched ({'; '.join(reasons)}); {remedy}")


def digest(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from(url: str, target: Path, sha256: str | None, progress: Progress) -> str:
    part = target.with_name(target.name + ".part")
    resumed = part.exists()
    if resumed:
        progress(part.stat().st_size)
    _whole(url, part, progress)
    found = digest(part)
    if sha256 not in (None, found) and resumed:  # the old part may come from another root or version
        _discard(part, progress)
        _whole(url, part, progress)
        found = digest(part)
    if sha256 not in (None, found):
        _discard(part, progress)
        raise _UnavailableError(f"wrong sha256, got {found[:12]}..., expected {sha256[:12]}...")
    part.replace(target)
    return found


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
        headers = {"Range": f"bytes={have}-"} if have else {}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
            length = answer.headers.get("Content-Length")
            if have and getattr(answer, "status", None) != 206:  # the whole file again, as file:// does
                _discard(part, progress)
                have = 0
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
        while chunk := answer.read(CHUNK):
            yield chunk
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
