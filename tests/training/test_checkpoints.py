"""What runs leave behind is read as it was written, or refused in one line."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from base.errors import InputError
from base.files import read_arrays, write_arrays
from training.checkpoints import load_state, load_weights, save_state, save_weights

WEIGHTS = {"a": torch.arange(12.0).view(3, 4), "b": torch.tensor(2.0).bfloat16(), "c": torch.ones(5, dtype=torch.int64)}


def _state(path: Path) -> dict | None:
    return load_state(path.parent, "mine")


def _arrays(path: Path) -> dict[str, np.ndarray]:
    return read_arrays(path, "delete it")


WRITTEN = {
    "weights.safetensors": (lambda path: save_weights(path, WEIGHTS), load_weights),
    "state.pt": (lambda path: save_state(path.parent, {"fingerprint": "mine", "model": WEIGHTS}), _state),
    "predictions.npz": (lambda path: write_arrays(path, {n: w.float().numpy() for n, w in WEIGHTS.items()}), _arrays),
}


def same(one: object, other: object) -> bool:
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return bool((one == other).all()) if hasattr(one, "all") else one == other


@pytest.mark.parametrize("name", WRITTEN)
def test_no_flipped_byte_changes_a_number_without_a_word(tmp_path, name):
    write, read = WRITTEN[name]
    path = tmp_path / name
    write(path)
    whole, content = path.read_bytes(), read(path)
    refused = []
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            assert same(read(path), content), place
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert [line for line in refused if not re.fullmatch(rf"\S+{name}: .*delete .*", line)] == []


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_that_is_cut_is_refused(tmp_path, name):
    write, read = WRITTEN[name]
    write(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for length in (0, 5, len(whole) // 2, len(whole) - 1):
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(InputError, match=rf"{name}: .*delete"):
            read(tmp_path / name)


def test_weights_without_a_checksum_are_those_of_an_older_version(tmp_path):
    save_file(WEIGHTS, tmp_path / "weights.safetensors")
    assert same(load_weights(tmp_path / "weights.safetensors"), WEIGHTS)


def test_a_zip_that_lost_a_member_from_its_list_is_refused(tmp_path):
    """The first member's comment swallows the second one's entry, and Python's reader does not mind."""
    np.savez(tmp_path / "x.npz", a=np.arange(30.0), b=np.arange(5.0))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    first, second = (place.start() for place in re.finditer(b"PK\x01\x02", bytes(content)))
    content[first + 32 : first + 34] = (len(content) - 22 - second).to_bytes(2, "little")
    (tmp_path / "x.npz").write_bytes(content)
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays.files == ["a"]
    with pytest.raises(InputError, match=r"x\.npz: cannot be read \(1 of 2 files are listed\); delete it"):
        read_arrays(tmp_path / "x.npz", "delete it")
