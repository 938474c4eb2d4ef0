"""How much memory a forward pass takes, measured in a fresh process, which times its passes as well.

A process keeps the memory of what it did before, so a clean peak needs a clean process: `in_fresh_process` starts
one (`python -m metrics.memory`) that builds the model, runs a first forward pass, frees what that left,
notes its resident memory, runs the others and reports the highest value in between. The first pass is there
because it loads kernels and libraries, some 90 MB that are no activations.
"""

import ctypes
import gc
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from base.errors import InputError

if TYPE_CHECKING:
    from metrics.timing import Latency

MEBIBYTE = 2**20
STATUS = Path("/proc/self/status")
TOO_LITTLE = ("can't allocate memory", "not enough memory", "out of memory", "MemoryError", "bad_alloc")


class MemoryLimitError(InputError):
    """A process was not given more memory than its limit allows."""


class Fresh(NamedTuple):
    """What a fresh process found: bytes that a pass needs beyond the loaded model, and the seconds of its passes."""

    peak: int
    latency: "Latency"


def peak_memory(factory: str, arguments: Mapping[str, object], shape: Sequence[int], **how: object) -> int:
    """Memory in bytes that one forward pass needs beyond the loaded model: arguments as of `in_fresh_process`."""
    return in_fresh_process(factory, arguments, shape, **how).peak


def in_fresh_process(
    factory: str,
    arguments: Mapping[str, object],
    shape: Sequence[int],
    device: str = "cpu",
    threads: int = 1,
    runs: int = 1,
    seconds: float = 0.0,
    timeout: float = 600.0,
    limit: int | None = None,
) -> Fresh:
    """The memory and the time of forward passes in a process of their own.

    factory: where the model comes from, "module:function", such as "models:build"; arguments: its keyword
    arguments (JSON values); shape: of the input, a float32 tensor of zeros. runs, seconds: of `metrics.timing.latency`.
    The peak is the highest resident memory during the passes minus that before them; on CUDA the highest allocation
    minus that before. Resident memory is what the allocator touched, so expect a few megabytes of scatter.
    limit: bytes beyond the loaded model that the child may allocate; a larger request fails, and the machine stays
    usable.
    Raises MemoryLimitError where the limit stops the pass, InputError with the child's last line if it fails otherwise
    or takes longer than timeout seconds.
    Linux only (for CPU): elsewhere the peak of an interval cannot be read, and InputError says so.
    """
    from metrics.timing import Latency

    order = {
        "factory": factory,
        "arguments": dict(arguments),
        "shape": list(shape),
        "device": device,
        "threads": threads,
        "runs": runs,
        "seconds": seconds,
        "limit": limit,
    }
    command = [sys.executable, "-m", "metrics.memory", json.dumps(order)]
    path = os.pathsep.join(p for p in [str(Path(__file__).parents[1]), *sys.path] if p)
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=os.environ | {"PYTHONPATH": path}
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"peak memory of {factory}: no result after {timeout:.0f} s") from error
    if child.returncode != 0:
        last = (child.stderr.strip().splitlines() or [f"killed by signal {-child.returncode}"])[-1]
        if limit is not None and any(words in last for words in TOO_LITTLE):
            raise MemoryLimitError(f"out of memory: it asked for more than {limit / MEBIBYTE:,.0f} MiB")
        raise InputError(f"peak memory of {factory}{dict(arguments)}: {last}")
    peak, timed = json.loads(child.stdout.splitlines()[-1])
    return Fresh(peak, Latency(tuple(timed["seconds"]), timed["batch"], timed["before"]))


def measure(
    factory: str,
    arguments: Mapping[str, object],
    shape: Sequence[int],
    device: str,
    threads: int,
    runs: int,
    seconds: float,
    limit: int | None = None,
) -> Fresh:
    """`in_fresh_process` in this very process, which must be fresh for its figure to mean anything."""
    import torch

    from metrics.timing import latency

    torch.set_num_threads(threads)
    module, _, function = factory.partition(":")
    model = getattr(importlib.import_module(module), function)(**arguments).to(device).eval()
    example = torch.zeros(*shape, device=device)
    if limit is not None:
        import resource  # not on every system

        most = _status("VmData") + limit
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    at_start: list[int] = []
    timed = latency(model, example, threads, runs, seconds, lambda: at_start.append(_start(device)))
    return Fresh(_highest(device) - at_start[0], timed)


def _start(device: str) -> int:
    """Give back free memory and forget peaks so far; bytes in use now."""
    gc.collect()
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if not STATUS.exists():
        raise InputError("peak memory on the CPU is measured on Linux only")
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc keeps freed memory; others may not have it
    if trim is not None:
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, or the imports' peak would stay in it
    return _status("VmRSS")


def _highest(device: str) -> int:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device)
    return _status("VmHWM")


def _status(key: str) -> int:
    """A size in this process's status, in bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key + ":"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    found = measure(**json.loads(sys.argv[1]))
    print(json.dumps([found.peak, asdict(found.latency)]))
