"""A workflow that is killed goes on where it was, and ends with the bytes of one that was not."""

import os
import re
import signal
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import psutil
import pytest
import torch
from checkout import BIN, PROFILE, Checkout, only_error

pytestmark = pytest.mark.slow

RUN = "runs/quick/synthetic-sh-like/sasmamba-27-xy/sasmamba/seed0"
TARGET = f"results/{RUN}/run.json"
STATE = f"results/.state/{RUN.removeprefix('runs/')}/state.pt"
EPOCHS, STEPS = 20, 3  # an epoch ends with a save: many short ones, many places to be killed at, and none near the end
PATIENCE = 300  # seconds to wait for what must happen


def configured(checkout: Checkout) -> Checkout:
    checkout.configure(lambda config: config.update(variants=["sasmamba-27-xy"]))
    checkout.configure(lambda config: config["override"].update(epochs=EPOCHS, steps=STEPS))
    return checkout


def wait_for_step(path: Path, process: Popen, enough: int) -> int:
    """Wait until a saved state has at least that many steps; how many it has."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        step = torch.load(path, weights_only=True)["step"] if path.is_file() else 0
        if step >= enough:
            return step
        assert process.poll() is None, "the workflow ended before it could be killed"
        time.sleep(0.05)
    raise AssertionError(f"{path} did not reach step {enough} within {PATIENCE} s")


def outcome(checkout: Checkout) -> dict[str, bytes]:
    """Files of the run that must not depend on how it got there: run.json and the log tell of times."""
    run = checkout / f"results/{RUN}"
    return {p.name: p.read_bytes() for p in run.iterdir() if p.suffix in {".safetensors", ".npz", ".csv"}}


def test_killed_and_resumed_it_ends_with_the_same_bytes(
    checkout: Checkout, measured_checkout: Callable[[], Checkout]
) -> None:
    whole, killed = configured(checkout), configured(measured_checkout())
    result = whole.snakemake(TARGET)
    assert result.returncode == 0, result.stdout

    process = killed.start(BIN / "snakemake", *PROFILE, TARGET)
    try:
        step = wait_for_step(killed / STATE, process, enough=2 * STEPS)
        os.killpg(process.pid, signal.SIGSTOP)  # alive, yet not at its end before the next line is
        refused = killed.python("-m", "workflow", "resume")  # somebody is alive
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # Snakemake and its jobs at once
        process.wait()
    assert f"(process {process.pid}" in only_error(refused)
    assert refused.returncode == 1
    assert 0 < step < EPOCHS * STEPS
    assert not (killed / TARGET).exists()

    locked = killed.make("all")
    assert locked.returncode != 0
    assert "cannot be locked" in locked.stdout
    assert "make resume" in locked.stdout.splitlines()[-2]  # the last line is make's own

    resumed = killed.make("resume")
    assert resumed.returncode == 0, resumed.stdout
    log = (killed / f"results/{RUN}/train.log").read_text()
    resumed_at = re.search(r"^going on after step (\d+) ", log, re.MULTILINE)
    assert int(resumed_at.group(1)) >= step
    assert len(outcome(killed)) == 5
    assert outcome(killed) == outcome(whole)
    assert (killed / "results/quick/synthetic/site/index.html").is_file()


def test_resume_without_a_lock_does_nothing(checkout: Checkout) -> None:
    result = checkout.python("-m", "workflow", "resume")
    assert (result.returncode, result.stdout) == (0, "")
    assert not (checkout / ".snakemake").exists()


def test_a_stopped_snakemake_is_told_and_the_next_make_goes_on_by_itself(checkout: Checkout) -> None:
    configured(checkout)
    process = checkout.start(BIN / "snakemake", *PROFILE, TARGET)
    try:
        step = wait_for_step(checkout / STATE, process, enough=STEPS)
        process.send_signal(signal.SIGINT)  # to it alone, as `kill` and `timeout` do; its job goes on
        jobs = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for job in jobs:  # held: they must neither end while the command looks, nor before Snakemake hears of its end
            job.suspend()
        if process.poll() is None:
            assert f"(process {process.pid}" in only_error(checkout.python("-m", "workflow", "resume"))
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(5)  # for Snakemake to hear of its own end before that of its job, on a busy machine too
        for job in jobs:
            job.resume()
        process.wait(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert 0 < step < EPOCHS * STEPS
    left = [path for path in (checkout / ".snakemake/incomplete").rglob("*") if path.is_file()]
    locks = list((checkout / ".snakemake/locks").glob("*"))
    assert left
    assert not locks

    planned = checkout.python("-m", "workflow", "plan")
    assert planned.returncode == 0, planned.stdout
    assert f"note: an earlier run was stopped: `make` makes the {len(left)} files again" in planned.stdout
    assert "train_run" in planned.stdout

    gone_on = checkout.make("train")
    assert gone_on.returncode == 0, gone_on.stdout
    assert "Incomplete" not in gone_on.stdout
    log = (checkout / f"results/{RUN}/train.log").read_text()
    assert int(re.search(r"^going on after step (\d+) ", log, re.MULTILINE).group(1)) >= step
    assert "an earlier run" not in checkout.python("-m", "workflow", "plan").stdout
    assert list((checkout / ".snakemake/runs").iterdir()) == []


def test_a_file_that_is_there_and_unfinished_is_made_again(checkout: Checkout) -> None:
    target = "results/efficiency/scan_orders.npz"
    assert checkout.snakemake(target).returncode == 0
    whole = (checkout / target).read_bytes()
    (checkout / target).write_bytes(whole[:100])  # as a run leaves it that ends while it writes
    (checkout / ".snakemake/incomplete" / urlsafe_b64encode(target.encode()).decode()).write_text("{}")

    planned = checkout.python("-m", "workflow", "plan")
    assert planned.returncode == 0, planned.stdout
    assert "note: an earlier run was stopped: `make` makes the 1 files again" in planned.stdout
    assert "  scan_orders " in planned.stdout

    made = checkout.python("-m", "workflow", "run", target)
    assert made.returncode == 0, made.stdout
    assert "Incomplete" not in made.stdout
    assert (checkout / target).read_bytes() == whole


def test_a_job_that_outlives_a_killed_snakemake_keeps_others_out(tmp_path: Path) -> None:
    checkout = configured(Checkout(tmp_path / "checkout"))
    process = checkout.start(BIN / "snakemake", *PROFILE, TARGET)
    try:
        wait_for_step(checkout / STATE, process, enough=STEPS)
        os.killpg(process.pid, signal.SIGSTOP)
        process.kill()  # the job is stopped, and lives
        process.wait()
        refused = checkout.make("train")
        assert refused.returncode
        assert "still running" in refused.stdout.splitlines()[-2]
        assert "a Snakemake is still running" in only_error(checkout.python("-m", "workflow", "resume"))
        assert list((checkout / ".snakemake/locks").glob("*"))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
