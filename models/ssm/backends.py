"""The kernels that can compute a selective scan, by name.

A backend is a module with `available() -> str | None` (the reason why it cannot run, or None), `FUSES_DT_PROJ` (whether
it takes low-rank step sizes), `forward` and `backward` (signatures in `models.ssm.reference`), and `kept_shape` where
its `forward` keeps something for `backward`. It is imported when it is first asked for.
"""

import os
from collections.abc import Callable
from functools import cache
from types import ModuleType

import torch

from base.errors import InputError
from base.reading import nearest

VARIABLE = "SSMPOSE_BACKEND"  # what "auto" means, unless it says auto itself


def _reference() -> ModuleType:
    from models.ssm import reference

    return reference


def _cpu() -> ModuleType:
    from models.ssm import native

    return native


def _triton() -> ModuleType:
    from models.ssm import triton_scan

    return triton_scan


def _mamba_ssm() -> ModuleType:
    from models.ssm import mamba

    return mamba


BACKENDS: dict[str, Callable[[], ModuleType]] = {
    "reference": _reference,
    "cpu": _cpu,
    "triton": _triton,
    "mamba_ssm": _mamba_ssm,
}
# What `auto` tries on a device, the fastest first, and the types that these take; reference is for all the rest.
FASTEST = {
    "cpu": {"cpu": (torch.float32, torch.float64)},
    "cuda": {"triton": (torch.float32,), "mamba_ssm": (torch.float32,)},
}


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
    fitting = (x for x, dtypes in FASTEST.get(device, {}).items() if dtype in dtypes and _passed_over(x) is None)
    return next(fitting, "reference")


def backend_in_use(name: str = "auto", device: str = "cpu") -> str:
    """The backend that runs float32 tensors when `name` is asked for; raises InputError when it cannot run."""
    resolved = resolve(name, device)
    backend(resolved)
    return resolved


def describe_backend(name: str = "auto", device: str = "cpu") -> str:
    """`backend_in_use`, and where `auto` had to pass over faster ones, why."""
    used, candidates = backend_in_use(name, device), list(FASTEST.get(device, {}))
    faster = candidates[: candidates.index(used)] if used in candidates else candidates
    reasons = {x: _passed_over(x) for x in faster} if name == "auto" else {}
    passed_over = [f"{x}: {reason}" if len(candidates) > 1 else reason for x, reason in reasons.items() if reason]
    return f"{used} ({'; '.join(passed_over)})" if passed_over else used


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


def _passed_over(name: str) -> str | None:
    """Reason why `auto` does not choose a backend, or None."""
    reason = _unavailable(name)
    if name == "triton" and reason is None and _load(name).interpreted():
        return "Triton's interpreter is on (TRITON_INTERPRET)"
    return reason
