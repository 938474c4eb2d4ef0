"""Training state that survives a kill, and weights as safetensors; files appear whole or not at all.

Each file has a checksum of what is in it, which whoever reads it compares: a disk's flipped bit is found, not computed
with.
"""

import pickle
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from base.errors import InputError
from base.files import write_whole
from base.zips import fault_of_zip

CHECKSUM = "crc32"  # its key in the metadata of a file of weights


def save_weights(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write a state dict as safetensors, with a checksum: no code is run by whoever reads it."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    metadata = {CHECKSUM: checksum(contiguous)}
    write_whole(path, lambda temporary: save_file(contiguous, temporary, metadata))


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """A state dict that `save_weights` wrote. Raises InputError for a file that is absent or not as it was written."""
    try:
        with safe_open(path, "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
            stated = (file.metadata() or {}).get(CHECKSUM)  # None in files of older versions
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete its folder and run `make` again") from None
    if stated not in (None, checksum(weights)):
        raise InputError(f"{path}: its weights changed after they were written; delete its folder and run `make` again")
    return weights


def halved(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same in half precision; what is no floating-point number stays as it is."""
    return {name: x.half() if x.is_floating_point() else x for name, x in weights.items()}


def checksum(weights: Mapping[str, torch.Tensor]) -> str:
    """CRC-32 of names, types, shapes and bytes of contiguous tensors, whatever their order."""
    total = 0
    for name, tensor in sorted(weights.items()):
        total = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), total)
        total = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy(), total)
    return f"{total:08x}"


def checksum_of_file(path: Path) -> str:
    """CRC-32 of a file's bytes; its content does not have to fit into memory."""
    total = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total = zlib.crc32(block, total)
    return f"{total:08x}"


def save_state(folder: Path, state: dict) -> None:
    """Write the state of a training (tensors, numbers, lists, dicts) to `folder/state.pt`."""
    write_whole(folder / "state.pt", lambda temporary: torch.save(state, temporary))


def load_state(folder: Path, fingerprint: str) -> dict | None:
    """State left by a killed training of the very same run, or None.

    `fingerprint` says what makes it the same: specification, source code and data. A state of another fingerprint is
    of no use (its numbers would mix two programs) and is ignored; the next save replaces it.

    Raises InputError where the file is damaged, or was not written by this program.
    """
    path = folder / "state.pt"
    if not path.is_file():
        return None
    if fault := fault_of_zip(path):
        raise InputError(f"{path}: the training state is damaged ({fault}); delete the file to start again")
    try:
        state = torch.load(path, weights_only=True)
        return state if state["fingerprint"] == fingerprint else None
    except (RuntimeError, pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a training state ({type(error).__name__}); delete the file to start again"
        ) from error
