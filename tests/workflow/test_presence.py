"""Who runs in a checkout, here, in a container or on another host; what may be cleared, and what is said of it."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from checkout import ROOT

from base.errors import InputError
from workflow import presence
from workflow.commands import resume
from workflow.presence import Process, runs, this_process

ANNOUNCE = "from workflow.presence import announce; announce()"
TAKE_PART = "from workflow.presence import take_part; take_part()"
WAIT = "import time; print('ready', flush=True); time.sleep(600)"
CONTAINER = ["unshare", "--pid", "--fork", "--mount-proc", "--uts", "--kill-child"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout whose Snakemake lock is held, or was."""
    lock = tmp_path / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/a\n")
    return tmp_path


@contextmanager
def started(folder: Path, program: str, *around: str) -> Iterator[subprocess.Popen]:
    """A Python process in `folder` that has come to its wait; killed at the end."""
    environment = {k: v for k, v in os.environ.items() if k != presence.VARIABLE} | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*around, sys.executable, "-c", program], cwd=folder, env=environment, text=True,
                               stdout=subprocess.PIPE, start_new_session=True)  # fmt: skip
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def record(folder: Path, process: Process, seen: float) -> Path:
    """A record that nobody keeps locked."""
    path = folder / presence.RECORDS / f"{process.host}-{process.pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(process)))
    os.utime(path, (seen, seen))
    return path


def elsewhere() -> Process:
    return Process("node7", "another-boot", 4711, time.time() - 7200)


def kept(folder: Path) -> bool:
    """Whether the lock is there."""
    return (folder / ".snakemake/locks/0.output.lock").is_file()


def test_a_living_run_keeps_its_lock_and_a_dead_one_loses_it(folder: Path) -> None:
    with started(folder, f"{ANNOUNCE}; {WAIT}") as process:
        (run,) = runs(folder)
        assert (run.alive, run.process.pid, run.process.host) == (True, process.pid, this_process().host)
        with pytest.raises(InputError, match=rf"a run is still going on in .*process {process.pid} on "):
            resume.release(folder)
        os.kill(process.pid, signal.SIGSTOP)  # suspended is not dead
        assert [run.alive for run in runs(folder)] == [True]
        assert kept(folder)
    assert [run.alive for run in runs(folder)] == [False]
    assert "a killed run left its lock here: `make resume`" in resume.earlier_run(folder)
    resume.release(folder)
    assert not kept(folder)
    assert runs(folder) == []
    assert resume.earlier_run(folder) is None


def test_a_process_that_ends_by_itself_leaves_no_record(folder: Path) -> None:
    program = f"{ANNOUNCE}; from pathlib import Path; assert len(list(Path('.snakemake/runs').iterdir())) == 1"
    assert subprocess.run([sys.executable, "-c", program], cwd=folder, check=False).returncode == 0
    assert list((folder / presence.RECORDS).iterdir()) == []


def test_a_job_that_outlives_its_snakemake_is_not_overlooked(folder: Path) -> None:
    job = f"{TAKE_PART}; {WAIT}"
    main = f"{ANNOUNCE}; import subprocess, sys; subprocess.call([sys.executable, '-c', {job!r}])"
    with started(folder, main) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert [run.alive for run in runs(folder)] == [True]
        with pytest.raises(InputError, match="a run is still going on"):
            resume.release(folder)
        assert kept(folder)
    deadline = time.monotonic() + 30
    while runs(folder)[0].alive and time.monotonic() < deadline:
        time.sleep(0.05)
    resume.release(folder)
    assert not kept(folder)


def test_a_run_in_a_container_is_seen_though_its_process_is_not(folder: Path) -> None:
    if subprocess.run([*CONTAINER, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine makes no namespaces")
    named = f"import socket; socket.sethostname('box'); {ANNOUNCE}; {WAIT}"
    with started(folder, named, *CONTAINER):
        (run,) = runs(folder)
        assert (run.alive, run.process.host) == (True, "box")
        assert run.process.pid < 5  # its id in there, which is another process here
        with pytest.raises(InputError, match=r"process \d on box, begun .*wait for it, or stop it there"):
            resume.release(folder)
        assert kept(folder)
    deadline = time.monotonic() + 30
    while runs(folder)[0].alive and time.monotonic() < deadline:
        time.sleep(0.05)
    resume.release(folder)
    assert not kept(folder)


def test_a_run_of_another_host_is_believed_to_live_until_a_person_says_otherwise(folder: Path) -> None:
    path = record(folder, elsewhere(), seen=time.time() - 3600)
    with pytest.raises(InputError) as refused:
        resume.release(folder)
    words = str(refused.value)
    assert "process 4711 on node7, begun" in words
    assert time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(time.time() - 3600)) in words
    assert f"`rm {path.relative_to(folder)}`" in words
    assert "\n" not in words
    assert kept(folder)
    assert resume.earlier_run(folder) == words  # for plan, doctor, and a run that finds the lock
    path.unlink()
    resume.release(folder)
    assert not kept(folder)


def test_after_a_reboot_the_runs_of_before_are_dead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = replace(elsewhere(), host=this_process().host)
    monkeypatch.setattr("psutil.boot_time", lambda: 1000.0)
    record(folder, before, seen=999.0)
    assert [run.alive for run in runs(folder)] == [False]
    record(folder, before, seen=1001.0)  # since then: another machine of that name
    assert [run.alive for run in runs(folder)] == [None]


def test_without_locks_a_process_is_known_by_its_id(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    here = this_process()
    record(folder, here, seen=time.time())
    assert [run.alive for run in runs(folder)] == [True]
    record(folder, replace(here, began=here.began - 1e6), seen=time.time())  # its id is another process's now
    assert [run.alive for run in runs(folder)] == [False]
    record(folder, replace(here, host="box"), seen=time.time())
    assert {run.process.host: run.alive for run in runs(folder)}["box"] is None


def test_a_damaged_record_is_nobodys_proof_of_death(folder: Path) -> None:
    path = record(folder, elsewhere(), seen=time.time())
    for text in ("", "[1]", '{"host": 1}', "\x00\x00"):
        path.write_text(text)
        with pytest.raises(InputError, match="an unknown host"):
            resume.release(folder)
    assert kept(folder)


def test_unfinished_files_without_a_lock_are_told(tmp_path: Path) -> None:
    for name in ("cmVzdWx0cy9h", "cmVzdWx0cy9i"):
        (tmp_path / ".snakemake/incomplete").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".snakemake/incomplete" / name).touch()
    assert resume.earlier_run(tmp_path) == (
        "an earlier run was stopped: `make` makes the 2 files again that it did not finish"
    )
    assert resume.earlier_run(tmp_path / "nothing") is None


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"\x00" * 100, b"[]", b'{"rule": "tab'])
def test_damaged_notes_are_told_and_removed(tmp_path: Path, content: bytes) -> None:
    notes = tmp_path / resume.NOTES
    (notes / "@long").mkdir(parents=True)
    (notes / "sound").write_text('{"rule": "tables"}')
    for name in ("cut", "@long/cut"):
        (notes / name).write_bytes(content)
    assert "2 damaged notes of earlier jobs: `make resume` removes them" in resume.earlier_run(tmp_path)
    assert resume.in_the_way(tmp_path)
    resume.release(tmp_path)
    assert [p.name for p in notes.rglob("*") if p.is_file()] == ["sound"]
    assert resume.earlier_run(tmp_path) is None


def test_a_lock_that_cannot_be_removed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)  # root may remove everything
    with pytest.raises(InputError, match=r"0\.output\.lock: cannot be removed \(Permission denied\)"):
        resume.release(folder)


def test_our_own_commands_are_told_from_others() -> None:
    assert resume._is_snakemake(["/a/python", "-m", "workflow", "run", "all"])
    assert resume._is_snakemake(["/a/python", "/a/snakemake", "--cores", "1"])
    assert resume._is_snakemake(["/a/python", "/a/.snakemake/scripts/tmp1.train.py"])
    assert resume._is_snakemake(["/a/python", "-m", "torch.distributed.run", "-m", "training.launch", "job.json"])
    assert not resume._is_snakemake(["/a/python", "-m", "workflow", "resume"])
    assert not resume._is_snakemake(["vim", "Snakefile"])
