"""Who runs in this checkout: a record for each Snakemake, beside its lock, which holds no owner.

A record is a file in .snakemake/runs that its process and its jobs keep locked (flock) as long as they live. On one
machine that answers for every container at once, also for processes that cannot be seen from here, and no death can
leave it locked. What another machine does on a shared disk cannot be asked like that everywhere: it is believed to be
alive until a person says otherwise. The time of the file is the last sign of life.
"""

import atexit
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from base.errors import InputError

RECORDS = Path(".snakemake/runs")
VARIABLE = "SSMPOSE_RUN"  # tells jobs the record of their run
HEARTBEAT = 60  # seconds from one sign of life to the next
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_held: list[IO] = []  # open files whose locks last as long as this process


@dataclass(frozen=True)
class Process:
    """A process: the name of its host, what tells its running system from others, its id there, its start (epoch)."""

    host: str
    boot: str
    pid: int
    began: float


@dataclass(frozen=True)
class Run:
    """A Snakemake that wrote a record. alive: whether it or one of its jobs runs; None where nobody here can say."""

    record: Path
    process: Process
    seen: float
    alive: bool | None

    def __str__(self) -> str:
        began, seen = (f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d %H:%M}" for t in (self.process.began, self.seen))
        return f"process {self.process.pid} on {self.process.host}, begun {began}, last sign of life {seen} UTC"


def this_process() -> Process:
    """The one that asks."""
    boot = BOOT_ID.read_text(encoding="ascii").strip() if BOOT_ID.is_file() else ""
    return Process(socket.gethostname(), boot, os.getpid(), time.time())


def announce(folder: Path = Path()) -> None:
    """Write this process's record into a checkout, to be kept until it ends, and tell its jobs of it.

    Raises InputError where it cannot be written.
    """
    me = this_process()
    record = (folder / RECORDS / f"{me.host}-{me.pid}-{time.time_ns()}.json").absolute()
    unseen = record.with_suffix(".new")  # until it is locked: whoever sees it must not take it for a dead one's
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        file = _hold(unseen, "w+")
        file.write(json.dumps(asdict(me)))
        file.flush()
        unseen.rename(record)
    except OSError as error:
        raise InputError(
            f"{record}: cannot be written ({error.strerror}); free the disk or fix its permissions"
        ) from None
    os.environ[VARIABLE] = str(record)
    atexit.register(record.unlink, missing_ok=True)
    threading.Thread(target=_beat, args=(record,), daemon=True).start()


def take_part() -> None:
    """Let a job keep its run's record locked, so that a job that outlives its Snakemake is not overlooked."""
    record = os.environ.get(VARIABLE)
    if record and Path(record).is_file():
        _hold(Path(record), "r")


def _hold(record: Path, mode: str) -> IO:
    file = record.open(mode, encoding="utf-8")
    _held.append(file)
    with suppress(OSError):  # a file system without locks: process ids and signs of life have to do
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return file


def _beat(record: Path) -> None:
    with suppress(OSError):  # it is gone: this process ends
        while True:
            time.sleep(HEARTBEAT)
            os.utime(record)


def runs(folder: Path = Path(), here: Process | None = None) -> list[Run]:
    """Runs with a record in a checkout, this process's own left out. here: who asks, to be another one in tests."""
    own = os.environ.get(VARIABLE)
    return [run for run in _records(folder, here or this_process()) if str(run.record.absolute()) != own]


def _records(folder: Path, here: Process) -> Iterator[Run]:
    for record in sorted((folder / RECORDS).glob("*.json")):
        try:
            process = Process(**json.loads(record.read_text(encoding="utf-8")))
            seen = record.stat().st_mtime
        except FileNotFoundError:
            continue  # ended meanwhile
        except (ValueError, TypeError):  # damaged: the lock on it has to tell
            process, seen = Process("an unknown host", "", 0, 0.0), record.stat().st_mtime
        yield Run(record, process, seen, _alive(record, process, seen, here))


def _alive(record: Path, process: Process, seen: float, here: Process) -> bool | None:
    locked = _is_locked(record)
    if locked:
        return True
    if process.boot == here.boot and here.boot:
        return False if locked is False else _is_running(process)
    import psutil  # jobs, which only take part, have no use for it

    rebooted = process.host == here.host and seen < psutil.boot_time()
    return False if rebooted else None


def _is_locked(record: Path) -> bool | None:
    """Whether somebody keeps the record locked; None on a file system that has no locks."""
    try:
        with record.open("r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def _is_running(process: Process) -> bool | None:
    """Whether a process of this system runs, by its id; None where it may be one of a container."""
    if process.host != socket.gethostname():
        return None
    import psutil

    return psutil.pid_exists(process.pid) and psutil.Process(process.pid).create_time() <= process.began
