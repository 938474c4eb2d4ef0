"""Where a number comes from: program versions, hardware, source revision."""

import platform
import subprocess
from functools import cache
from importlib.metadata import version

import torch

from base import ROOT
from base.machine import cpu_name


def provenance() -> dict:
    """Versions, hardware and git revision of this process; `revision` ends in `+changes` for an edited checkout."""
    return {
        "revision": revision(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("torch", "numpy")},
        "hardware": {"device": device_name(), "cpu": cpu_name(), "threads": torch.get_num_threads()},
        "platform": platform.platform(),
    }


def device_name() -> str:
    """Name of the device that models run on."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else cpu_name()


@cache
def revision() -> str:
    """Git revision of the checkout, or `unknown` outside one; asked once a process, not once a row."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout.strip()
