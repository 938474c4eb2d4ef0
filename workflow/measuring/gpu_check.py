"""Measure the scan's backends on this machine's GPU: `python -m workflow.measuring.gpu_check`.

Errors against the float64 reference, times and peak memory of one scan of a published size, forward and with backward,
as a Markdown table in docs/measurements, with the GPU and the versions in its file name.
"""

import re
import statistics
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor

from base.errors import InputError
from base.files import write_text
from models.ssm import triton_scan
from models.ssm.backends import backend
from models.ssm.inputs import ScanInputs
from models.ssm.scan import selective_scan
from workflow.measuring.parity import GRADIENTS, draw, errors

# A layer of PoseMamba-S on 243 frames of 17 joints: tokens, directions, channels, states, rank of the step sizes.
SIZE = {"length": 4131, "directions": 4, "channels": 128, "states": 16, "rank": 4}
BACKENDS = ("triton", "mamba_ssm", "reference")
COLUMNS = ("backend", "error of y", "largest error of a gradient", "forward, ms", "with backward, ms")
COLUMNS += ("peak forward, MiB", "peak with backward, MiB")
WARMUP, RUNS = 10, 50
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "measurements"


def main() -> int:
    """Writes the table and says where; 1 and one line where there is nothing to measure on."""
    if not torch.cuda.is_available():
        print("gpu_check: there is no CUDA device here, nothing was measured", file=sys.stderr)
        return 1
    if triton_scan.available() is None and triton_scan.interpreted():
        print("gpu_check: unset TRITON_INTERPRET, which replaces the GPU by an interpreter", file=sys.stderr)
        return 1
    gpu = torch.cuda.get_device_name()
    versions = {"torch": torch.__version__, "triton": _version("triton"), "mamba-ssm": _version("mamba-ssm")}
    name = f"scan-{gpu}-torch{versions['torch']}-triton{versions['triton']}"
    text = f"# The selective scan on {gpu}\n\n{_caption(versions)}\n\n{table()}\n"
    print(write_text(FOLDER / f"{re.sub('[^A-Za-z0-9.+-]+', '-', name)}.md", text))
    return 0


def table() -> str:
    """Markdown: a line a backend, or why it does not run."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- " * len(COLUMNS) + "|"]
    for name in BACKENDS:
        try:
            backend(name)
            cells = _row(name)
        except InputError as error:
            cells = [str(error)]
        lines.append(" | ".join([f"| {name}", *cells]) + " |")
    return "\n".join(lines)


def _row(name: str) -> list[str]:
    exact = draw(1, **SIZE)
    error = errors(exact, name, torch.float32, "cuda")
    inputs = [x if x is None else x.to("cuda", torch.float32 if x.is_floating_point() else None) for x in exact]
    leaves = ScanInputs(*(x if x is None else x.clone().requires_grad_(x.is_floating_point()) for x in inputs))
    weights = torch.ones_like(leaves.u)

    def forward() -> Tensor:
        with torch.no_grad():
            return selective_scan(*inputs, backend=name)

    def both() -> tuple[Tensor, ...]:
        y = selective_scan(*leaves, backend=name)
        return torch.autograd.grad(y, [x for x in leaves if x is not None and x.requires_grad], weights)

    worst = max(error[key] for key in GRADIENTS if key in error)
    times, peaks = ([f"{measure(x):.3g}" for x in (forward, both)] for measure in (_milliseconds, _peak_mebibytes))
    return [f"{error['y']:.1e}", f"{worst:.1e}", *times, *peaks]


def _milliseconds(call: Callable[[], object]) -> float:
    """Median over runs, on the GPU's own clock."""
    times = []
    for run in range(WARMUP + RUNS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        end.synchronize()
        if run >= WARMUP:
            times.append(start.elapsed_time(end))
    return statistics.median(times)


def _peak_mebibytes(call: Callable[[], object]) -> float:
    """What a call allocates at most at one time, its results included."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def _caption(versions: dict[str, str]) -> str:
    size = ", ".join(f"{axis} {count}" for axis, count in SIZE.items())
    named = ", ".join(f"{package} {number}" for package, number in versions.items())
    return (
        f"float32, one clip: {size}.\n{named}, CUDA {torch.version.cuda}.\n"
        "Errors are the largest difference from the float64 reference over the terms of the sum that a number is.\n"
        f"Times are medians of {RUNS} runs after {WARMUP}, launching included."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


if __name__ == "__main__":
    sys.exit(main())
