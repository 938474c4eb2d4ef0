"""Pickles and npz files with objects: what data holds comes through, whatever else they name does not."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from base.errors import InputError
from datasets.papers.restricted import read_npz, read_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)
TYPES = st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.dtype("<U5"), np.bool_])


@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_comes_through(tmp_path_factory: pytest.TempPathFactory, value: object, protocol: int) -> None:
    path = tmp_path_factory.mktemp("p") / "a.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    assert read_pickle(path) == value


@given(st.data(), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_arrays_come_through(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, protocol: int) -> None:
    value = data.draw(arrays.arrays(data.draw(TYPES), arrays.array_shapes(min_dims=0, min_side=0)))
    path = tmp_path_factory.mktemp("p") / "a.pkl"
    path.write_bytes(pickle.dumps({"a": value, "n": np.float32(1.5), "f": np.asfortranarray(value)}, protocol))
    found = read_pickle(path)
    np.testing.assert_array_equal(found["a"], value)
    np.testing.assert_array_equal(found["f"], value)
    assert (found["a"].dtype, found["n"]) == (value.dtype, np.float32(1.5))


def test_old_names_of_numpy_are_known(tmp_path: Path) -> None:
    text = pickle.dumps(np.arange(3.0), 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "old.pkl").write_bytes(text)
    assert read_pickle(tmp_path / "old.pkl").tolist() == [0, 1, 2]


def test_objects_in_an_npz_come_through(tmp_path: Path) -> None:
    value = {"S1": {"Walking 1": [np.ones((2, 3), np.float32)]}}
    np.savez_compressed(tmp_path / "a.npz", positions=value, plain=np.arange(4), rows=np.array([None, {1: 2}], object))
    found = read_npz(tmp_path / "a.npz")
    assert found["positions"]["S1"]["Walking 1"][0].tolist() == np.ones((2, 3)).tolist()
    assert (found["plain"].tolist(), found["rows"].tolist()) == ([0, 1, 2, 3], [None, {1: 2}])


class Calls:
    """Pickled, it asks for a call."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


MARK = Path(os.environ.get("TMPDIR", "/tmp")) / f"unpickled-{os.getpid()}"
BOMBS = {
    "os.system": Calls(os.system, f"touch {MARK}"),
    "eval": Calls(eval, f"open({str(MARK)!r}, 'w')"),
    "getattr": Calls(getattr, np.ndarray, "tofile"),
    "numpy.fromfile": Calls(np.fromfile, "/etc/hostname"),
    "a list of a range": Calls(list, range(10**12)),
    "an array as large as wished": Calls(np.ndarray, (1 << 50,)),
    "a buffer as large as wished": Calls(bytearray, 1 << 50),
    "an array that starts large": Calls(np._core.multiarray._reconstruct, np.ndarray, (1 << 50,), b"b"),
    "a number as large as wished": Calls(np._core.multiarray.scalar, np.dtype("V1000000000")),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("packed", ["pickle", "npz"])
def test_what_data_does_not_need_is_refused_in_one_line(tmp_path: Path, name: str, packed: str) -> None:
    bomb = BOMBS[name]
    if packed == "pickle":
        path, read = tmp_path / "a.pkl", read_pickle
        path.write_bytes(pickle.dumps({"data": [bomb]}))
    else:
        path, read = tmp_path / "a.npz", read_npz
        np.savez(path, data=np.array({"data": [bomb]}, dtype=object))
    with pytest.raises(InputError, match=rf"{path.name}: cannot be read \(.*\); get it again") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert not MARK.exists()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w") as file,
    ):
        for _ in range(64):
            file.write(bytes(1 << 20))
    with pytest.raises(InputError, match="more than arrays shrink by; do not trust this file"):
        read_npz(tmp_path / "bomb.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_one_wrong_byte_of_an_npz_is_noticed(save: Callable, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    values = {"plain": np.arange(600).reshape(20, 30), "objects": np.array({"a": [1.5]}, object)}
    save(path, **values)
    content, complaints = path.read_bytes(), []
    for place in [*range(0, len(content), max(1, len(content) // 300)), *range(len(content) - 300, len(content))]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        try:
            found = read_npz(path)
            assert found["objects"] == values["objects"].item()
            np.testing.assert_array_equal(found["plain"], values["plain"])
        except InputError as error:
            complaints.append(str(error))
    assert len(complaints) > 200
    assert all(text.startswith(f"{path}: cannot be read (") and "\n" not in text for text in complaints)


@pytest.mark.parametrize("read", [read_pickle, read_npz])
def test_what_is_absent_cut_or_something_else_is_named(tmp_path: Path, read: object) -> None:
    with pytest.raises(InputError, match="none: no such file"):
        read(tmp_path / "none")
    whole = tmp_path / "whole"
    with whole.open("wb") as file:
        np.savez(file, a=np.array({1: 2}, object)) if read is read_npz else pickle.dump({1: [2] * 100}, file)
    for content in (b"", b"<html>", whole.read_bytes()[:-9]):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(InputError, match="bad: cannot be read"):
            read(tmp_path / "bad")


@pytest.mark.parametrize("read", [read_pickle, read_npz])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (bytes(100), "it is empty"),
        (b"<!doctype html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
        (b"\x1f\x8b\x08", "it is packed with gzip"),
        (b"\x93NUMPY\x01\x00", "it is a single array of NumPy"),
    ],
)
def test_what_stands_in_for_the_file_is_told(tmp_path: Path, read: object, content: bytes, says: str) -> None:
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(InputError, match=rf"bad: cannot be read \({says}"):
        read(tmp_path / "bad")


def test_an_npz_for_a_pickle_and_a_flipped_bit_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.random.default_rng(0).random(1000))
    with pytest.raises(InputError, match=r"cannot be read \(it is a zip archive"):
        read_pickle(path)
    content = bytearray(path.read_bytes())
    for place in (500, 2000, 5000):
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.npz: cannot be read"):
            read_npz(path)
        content[place] ^= 1


@pytest.mark.parametrize("read", [read_pickle, read_npz])
def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path, read: object) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read(tmp_path)
