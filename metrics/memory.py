"""How much memory a forward pass takes, measured in a fresh process.

A process keeps the memory of what it did before, so a clean peak needs a clean process: `peak_memory` starts
one (`python -m metrics.memory`) that builds the model, runs a first forward pass, frees what that left,
notes its resident memory, runs a second pass and reports the highest value in between. The first pass is there
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
from pathlib import Path

from base.errors import InputError

MEBIBYTE = 2**20
STATUS = Path("/proc/self/status")
TOO_LITTLE = ("can't allocate memory", "not enough memory", "out of memory", "MemoryError", "bad_alloc")


class MemoryLimitError(InputError):
    """A process was not given more memory than its limit allows."""


def peak_memory(
    factory: str,
    arguments: Mapping[str, object],
    shape: Sequence[int],
    device: str = "cpu",
    threads: int = 1,
    timeout: float = 600.0,
    limit: int | None = None,
) -> int:
    """Memory in bytes that one forward pass needs beyond the loaded model.

    factory: where the model comes from, "module:function", such as "models:build"; arguments: its keyword
    arguments (JSON values); shape: of the input, a float32 tensor of zeros. Returns the highest
    resident memory during the pass minus that before it; on CUDA the highest allocation minus that before.
    Resident memory is what the allocator touched, so expect a few megabytes of scatter.
    limit: bytes beyond the loaded model that the child may allocate; a larger request fails, and the machine stays
    usable.
    Raises MemoryLimitError where the limit stops the pass, InputError with the child's last line if it fails otherwise
    or takes longer than timeout seconds.
    Linux only (for CPU): elsewhere the peak of an interval cannot be read, and InputError says so.
    """
    order = {
        "factory": factory,
        "arguments": dict(arguments),
        "shape": list(shape),
        "device": device,
        "threads": threads,
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
    return int(child.stdout.splitlines()[-1])


def measure(
    factory: str,
    arguments: Mapping[str, object],
    shape: Sequence[int],
    device: str,
    threads: int,
    limit: int | None = None,
) -> int:
    """`peak_memory` in this very process, which must be fresh for its figure to mean anything."""
    import torch

    torch.set_num_threads(threads)
    module, _, function = factory.partition(":")
    model = getattr(importlib.import_module(module), function)(**arguments).to(device).eval()
    example = torch.zeros(*shape, device=device)
    if limit is not None:
        import resource  # not on every system

        most = _status("VmData") + limit
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    with torch.inference_mode():
        model(example)
        before = _start(device)
        model(example)
    return _highest(device) - before


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
    print(measure(**json.loads(sys.argv[1])))
