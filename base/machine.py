"""The machine that a program runs on."""

import platform
from functools import cache
from pathlib import Path


@cache
def cpu_name() -> str:
    """Processor as Linux names it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
