"""MATLAB files: what each version says is the same, and what is none says what it is."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from base.errors import InputError
from datasets.papers.matlab import read_mat
from tests.datasets.mat_v73 import write_v73


def cells(*values: object) -> np.ndarray:
    array = np.empty((len(values), 1), object)
    array[:, 0] = values
    return array


def structs(*rows: dict[str, object]) -> np.ndarray:
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for i, row in enumerate(rows):
        array[0, i] = tuple(row.values())
    return array


VARIABLES = {
    "matrix": np.arange(24.0).reshape(2, 3, 4),
    "single": np.array([[7.5]]),
    "mask": np.array([[True, False]]),
    "text": "brush_hair",
    "nothing": np.zeros((0, 3)),
    "cell": cells(np.arange(6.0).reshape(2, 3), "name", np.zeros((0, 0)), cells(np.array([[1.0]]))),
    "one": structs({"name": "a", "points": np.ones((3, 2))}),
    "several": structs({"x": 1.0, "inner": structs({"id": 3.0})}, {"x": np.zeros((0, 0)), "inner": "none"}),
}


def plain(value: Any) -> Any:
    """Nested lists, with the shape beside them, to compare."""
    if isinstance(value, np.ndarray):
        return value.shape, [plain(item) for item in value.ravel().tolist()]
    return {name: plain(item) for name, item in value.items()} if isinstance(value, dict) else value


def test_version_5_and_7_3_are_read_as_the_same(tmp_path: Path) -> None:
    savemat(tmp_path / "v5.mat", VARIABLES)
    write_v73(tmp_path / "v73.mat", VARIABLES)
    one, other = (read_mat(tmp_path / f"{name}.mat", *VARIABLES) for name in ("v5", "v73"))
    assert list(one) == list(other) == list(VARIABLES)
    for name in VARIABLES:
        assert plain(one[name]) == plain(other[name]), name
    np.testing.assert_array_equal(other["matrix"], VARIABLES["matrix"])
    assert other["cell"][0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert other["cell"][1, 0] == other["cell"].ravel()[1] == "name"
    assert other["several"][0, 0]["inner"][0, 0]["id"].item() == 3
    assert (other["text"], other["nothing"].shape) == ("brush_hair", (0, 3))


def test_version_4_is_read(tmp_path: Path) -> None:
    savemat(tmp_path / "v4.mat", {"a": np.arange(6.0).reshape(2, 3)}, format="4")
    assert read_mat(tmp_path / "v4.mat", "a")["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.shared
def test_what_other_writers_leave_out_of_hdf5_is_not_needed(shared: Path) -> None:
    """The test set's own files carry no names of classes."""
    file = shared / "fixtures/synthetic/mpi_inf_3dhp/original/mpi_inf_3dhp_test_set/TS1/annot_data.mat"
    assert {key: a.shape for key, a in read_mat(file, "annot2", "valid_frame").items()} == {
        "annot2": (2, 17, 1, 50),
        "valid_frame": (50, 1),
    }


WHOLE = {"v5": lambda path: savemat(path, VARIABLES), "v73": lambda path: write_v73(path, VARIABLES)}


@pytest.mark.parametrize("version", WHOLE)
def test_a_variable_that_is_missing_is_named_with_those_that_are_there(tmp_path: Path, version: str) -> None:
    WHOLE[version](tmp_path / "a.mat")
    named = "MATLAB 7.3" if version == "v73" else "MATLAB 4 to 7"
    with pytest.raises(InputError, match=rf"a\.mat: has no 'annot2', it holds .*text.* \(read as {named}\)"):
        read_mat(tmp_path / "a.mat", "text", "annot2")


@pytest.mark.parametrize("version", WHOLE)
def test_a_file_that_is_cut_off_is_told(tmp_path: Path, version: str) -> None:
    WHOLE[version](tmp_path / "a.mat")
    whole = (tmp_path / "a.mat").read_bytes()
    for size in (130, 600, len(whole) // 2, len(whole) - 20):
        (tmp_path / "a.mat").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"a\.mat: (cannot be read as MATLAB file|has no)") as caught:
            read_mat(tmp_path / "a.mat", *VARIABLES)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", r"it is empty\); unpack or get it again|it is empty\); get it again"),
        (bytes(3000), "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", r"pointer of Git LFS.*git lfs pull"),
        (b"\n <!DOCTYPE html><html><title>Sign in</title>", "it is a web page.*sign in, .* and save the file itself"),
        (b"\xef\xbb\xbf<HTML>", "it is a web page"),
        (b"\x1f\x8b\x08\0", r"packed with gzip\); unpack it"),
        (b"PK\x03\x04" + bytes(99), r"it is a zip archive\); unpack it"),
        (b"# Created by Octave 8.4\n# name: a\n", r"Octave's text form\); save it with `save -v7`"),
        (b"1 2 3\n4 5 6\n", "save -v7"),
    ],
)
def test_what_is_no_matlab_file_says_what_it_is(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.mat: cannot be read as MATLAB file \(.*{says}"):
        read_mat(tmp_path / "a.mat", "a")


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mat: no such file"):
        read_mat(tmp_path / "none.mat", "a")
    with pytest.raises(InputError, match=r"cannot be read as MATLAB file .*directory"):
        read_mat(tmp_path, "a")


def test_references_to_nothing_end_in_one_line(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("a", (2, 1), dtype=h5py.ref_dtype)
    with pytest.raises(InputError, match="cannot be read as MATLAB file"):
        read_mat(tmp_path / "a.mat", "a")


def test_the_writer_of_these_tests_writes_what_matlab_writes(tmp_path: Path) -> None:
    write_v73(tmp_path / "a.mat", {"m": np.arange(6.0).reshape(2, 3)})
    assert (tmp_path / "a.mat").read_bytes().startswith(b"MATLAB 7.3 MAT-file")
    with h5py.File(tmp_path / "a.mat") as file:
        assert file["m"].shape == (3, 2)
    with pytest.raises(NotImplementedError, match="HDF reader"):
        loadmat(tmp_path / "a.mat")
