"""Training state that survives a kill, and weights as safetensors; files appear whole or not at all."""

import pickle
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from studies.errors import InputError
from studies.files import write_whole


def save_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write a state dict as safetensors: no code is run by whoever reads it."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_whole(path, lambda temporary: save_file(contiguous, temporary))


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as an uncompressed npz; the same arrays give the same bytes."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # np.savez adds .npz to a name, but not to an open file
            np.savez(file, **arrays)

    write_whole(path, write)


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
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: not a training state ({type(error).__name__}); delete the file to start again"
        ) from error
    return state if state["fingerprint"] == fingerprint else None
