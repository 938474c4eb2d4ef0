"""Arrays that were written are read whole or not at all."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from base.errors import InputError
from base.files import read_arrays, read_csv, read_json, write_csv

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


def test_a_table_is_read_as_it_was_written_and_a_bad_one_is_named(tmp_path: Path) -> None:
    table = pd.DataFrame({"row": ["a", "b, c"], "value": [1.5, np.nan]})
    path = write_csv(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(read_csv(path, ["row"]), table)
    for content, said in {
        b"": "is no CSV file",
        b"\xff\xfe\x00": "is no CSV file",
        b"row\n1\n": "lacks the columns value",
    }.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"t\.csv: {said}; delete it and run `make` again"):
            read_csv(path, ["row", "value"])
    for content, said in {
        b"row,value\na,1\nb,inf\n": "value 'inf' is no number",
        b"row,value\na,1\nb,much\n": "value 'much' is no number",
        b"row,value\na,1\na,2\n": r"has a row twice \(a\)",
        b"row,value\na,1\nb,2": "is cut off within a line",
    }.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"t\.csv: {said}; delete it and run `make` again"):
            read_csv(path, ["row", "value"], numbers=["value"], unique=["row"])
    path.unlink()
    with pytest.raises(InputError, match=r"t\.csv: no such file; train again"):
        read_csv(path, ["row"], "train again")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        *((content, "is no JSON") for content in (b"", b'{"a": 1', b"\xff", b"[" * 10**5)),
        *((content, "holds no mapping") for content in (b"[1]", b"null")),
        (None, "no such file"),
    ],
)
def test_json_that_holds_no_mapping_is_named(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.json: {said}.*; train again"):
        read_json(path, "train again")
