"""Training state that survives a kill, and weights as safetensors; files appear whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from studies.errors import InputError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a temporary name beside `path`, then rename: a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write a state dict as safetensors: no code is run by whoever reads it."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_whole(path, lambda temporary: save_file(contiguous, temporary))


def save_state(folder: Path, state: dict) -> None:
    """Write the state of a training (tensors, numbers, lists, dicts) to `folder/state.pt`."""
    write_whole(folder / "state.pt", lambda temporary: torch.save(state, temporary))


def load_state(folder: Path, fingerprint: str) -> dict | None:
    """State left by a killed training of the very same run, or None.

    `fingerprint` says what makes it the same: specification, source code and data. A state of another fingerprint is
    of no use (its numbers would mix two programs) and is ignored; the next save replaces it.

    Raises InputError where the file cannot be read: it was not written by this program.
    """
    path = folder / "state.pt"
    if not path.is_file():
        return None
    try:
        state = torch.load(path, weights_only=True)
    except Exception as error:
        raise InputError(
            f"{path}: not a training state ({type(error).__name__}); delete the file to start again"
        ) from error
    return state if state["fingerprint"] == fingerprint else None
