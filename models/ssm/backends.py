"""The kernels that can compute a selective scan, by name.

A backend is a module with `available() -> str | None` (the reason why it cannot run, or None), `forward` and `backward`
(signatures in `models.ssm.reference`). It is imported when it is first asked for.
"""

import os
from collections.abc import Callable
from functools import cache
from types import ModuleType

import torch

from studies.errors import InputError
from studies.reading import nearest

VARIABLE = "SSMPOSE_BACKEND"  # what "auto" means, unless it says auto itself


def _reference() -> ModuleType:
    from models.ssm import reference

    return reference


def _cpu() -> ModuleType:
    from models.ssm import native

    return native


BACKENDS: dict[str, Callable[[], ModuleType]] = {"reference": _reference, "cpu": _cpu}


def backend(name: str) -> ModuleType:
    """The backend of that name; raises InputError when it is unknown or cannot run here."""
    reason = _unavailable(_known(name, "backend"))
    if reason:
        raise InputError(f"backend {name!r} is not available: {reason}; use backend=reference or auto")
    return _load(name)


def resolve(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> str:
    """What `name` stands for on such tensors: `auto` is the environment's choice, else the fastest that can run."""
    if name == "auto":
        name = os.environ.get(VARIABLE) or "auto"
        if name != "auto":
            _known(name, f"environment variable {VARIABLE}: backend")
    if name != "auto":
        return _known(name, "backend")
    native = device == "cpu" and dtype in (torch.float32, torch.float64) and _unavailable("cpu") is None
    return "cpu" if native else "reference"


def backend_in_use(name: str = "auto", device: str = "cpu") -> str:
    """The backend that runs float32 tensors when `name` is asked for; raises InputError when it cannot run."""
    resolved = resolve(name, device)
    backend(resolved)
    return resolved


def describe_backend(name: str = "auto", device: str = "cpu") -> str:
    """`backend_in_use`, and where it is the slow one without having been asked for, why."""
    used = backend_in_use(name, device)
    reason = _unavailable("cpu") if name == "auto" and used == "reference" and device == "cpu" else None
    return f"{used} ({reason})" if reason else used


def _known(name: str, what: str) -> str:
    if name in BACKENDS:
        return name
    raise InputError(f"unknown {what} {name!r}{nearest(name, ['auto', *BACKENDS])}")


@cache
def _load(name: str) -> ModuleType:
    return BACKENDS[name]()


@cache
def _unavailable(name: str) -> str | None:
    """Reason why a backend cannot run here, or None."""
    try:
        return _load(name).available()
    except ImportError as error:
        return f"{name} cannot be imported ({error})"
