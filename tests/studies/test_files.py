"""Arrays that were written are read whole or not at all; what others wrote is read however they wrote it."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from studies.errors import InputError
from studies.files import read_arrays
from studies.foreign import data_files, is_clutter, read_text

ARRAYS = {"last": np.arange(600, dtype=np.float32).reshape(20, 30), "gt/joints": np.ones((3, 2), bool)}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_one_wrong_byte_is_noticed(save: Callable, tmp_path: Path) -> None:
    """Also one in a header: numpy reads a smaller array then, and never comes to the checksum."""
    path = tmp_path / "a.npz"
    save(path, **ARRAYS)
    content, complaints = path.read_bytes(), []
    places = {*range(0, len(content), max(1, len(content) // 400)), content.find(b"(20, 30)") + 1}
    for place in places - {0}:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            found = read_arrays(path, "train again")
            assert list(found) == list(ARRAYS)
            for name, array in ARRAYS.items():
                np.testing.assert_array_equal(found[name], array)
        except InputError as error:
            complaints.append(str(error))
    assert len(complaints) > 200
    assert all(text.startswith(f"{path}: cannot be read (") and text.endswith("; train again") for text in complaints)


def test_a_smaller_shape_in_a_header_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, last=np.arange(30000).reshape(1000, 30))
    path.write_bytes(path.read_bytes().replace(b"(1000, 30)", b"( 100, 30)"))
    with np.load(path) as arrays:
        assert arrays["last"].shape == (100, 30)
    with pytest.raises(InputError, match=r"a\.npz: cannot be read \(last\.npy holds more than its array\); delete it"):
        read_arrays(path)


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\3\4"])
def test_what_is_no_npz_is_named(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.npz: cannot be read"):
        read_arrays(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz: cannot be read"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text_is_read_however_it_was_written(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Gänge 1\r\n".encode(encoding))
    assert read_text(tmp_path / "a.txt", "") == "Gänge 1\r\n"


def test_clutter_is_told_from_data(tmp_path: Path) -> None:
    clutter = [
        "._a.json",
        ".DS_Store",
        "__MACOSX/a.json",
        "b/Thumbs.db",
        "b/@eaDir/a.json",
        ".ipynb_checkpoints/a.json",
    ]
    clutter += ["b/desktop.ini", "b/.~lock.a.json#", "b/~$a.json", "$RECYCLE.BIN/a.json", "lost+found/a.json"]
    data = ["a.json", "b/a.json", "Goalkeeper_Training_Day_@_7/00001.png", "b/a~1.json"]
    for name in clutter + data:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in data_files(tmp_path, "**/*") if path.is_file()]
    assert found == sorted(data)
    assert [name for name in clutter + data if is_clutter(PurePosixPath(name))] == clutter
    assert not is_clutter(PurePosixPath("./a/../b.json"))
    hidden = tmp_path / ".cache"  # where the data lie is nobody's business
    hidden.mkdir()
    (hidden / "a.json").touch()
    assert data_files(hidden, "*.json") == [hidden / "a.json"]
