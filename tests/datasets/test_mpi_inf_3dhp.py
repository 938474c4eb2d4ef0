"""MPI-INF-3DHP's forms: official and preprocessed files agree, and what is wrong with a file is said in one line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from base.errors import InputError
from datasets.papers.matlab import read_mat
from datasets.papers.mpi_inf_3dhp import (
    CAMERAS,
    read_calibration,
    read_stmo_test,
    read_stmo_training,
    read_test,
    read_training,
)
from tests.datasets.mat_v73 import as_v73


@pytest.fixture
def files(shared: Path) -> Path:
    return shared / "fixtures/synthetic/mpi_inf_3dhp/original"


MIRRORED = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 14, 15, 16]


def view(data: dict, camera: str = "0") -> dict:
    return data["S1 Seq1"][0][camera]


def stmo(folder: Path, files: Path, change: Callable[[dict], object] = lambda data: None) -> tuple[Path, Path]:
    """P-STMO's two files, made from the official ones."""
    training, test = {}, {}
    for (subject, sequence), views in read_training(files):
        cameras = {str(camera): {"data_2d": points, "data_3d": poses} for camera, (points, poses) in views.items()}
        training[f"{subject} {sequence}"] = [cameras, 25]
    for name, sequence in read_test(files / "mpi_inf_3dhp_test_set").items():
        test[name] = {"data_2d": sequence.keypoints, "data_3d": sequence.joints, "valid": sequence.valid.astype(int)}
    change(training)
    change(test)
    paths = folder / "data_train_3dhp.npz", folder / "data_test_3dhp.npz"
    for path, data in zip(paths, (training, test), strict=True):
        np.savez(path, data=np.array(data, dtype=object))
    return paths


def test_official_and_preprocessed_files_agree(files: Path, tmp_path: Path) -> None:
    training, test = stmo(tmp_path, files)
    original, later = dict(read_training(files)), read_stmo_training(training)
    assert set(original) == set(later) == {("S1", "Seq1"), ("S1", "Seq2")}
    for sequence, views in original.items():
        assert tuple(views) == tuple(later[sequence]) == CAMERAS
        for camera, arrays in views.items():
            for array, other in zip(arrays, later[sequence][camera], strict=True):
                np.testing.assert_allclose(array, other, atol=1e-3)
    for name, sequence in read_test(files / "mpi_inf_3dhp_test_set").items():
        other = read_stmo_test(test)[name]
        np.testing.assert_allclose(sequence.joints, other.joints, atol=1e-3)
        assert (sequence.valid == other.valid).all()
        assert sequence.size == other.size == ((1920, 1080) if name == "TS5" else (2048, 2048))


@pytest.mark.shared
def test_annotations_are_read_in_either_version_of_matlabs_files(files: Path, tmp_path: Path, shared: Path) -> None:
    shutil.copytree(files, tmp_path / "other")
    for file in (tmp_path / "other").glob("S*/*/annot.mat"):
        as_v73(file)
    for (sequence, one), (name, other) in zip(read_training(files), read_training(tmp_path / "other"), strict=True):
        assert sequence == name
        for camera, arrays in one.items():
            for array, again in zip(arrays, other[camera], strict=True):
                np.testing.assert_array_equal(array, again)
    whole = read_test(files / "mpi_inf_3dhp_test_set")
    keys = ("annot2", "univ_annot3", "valid_frame", "activity_annotation")
    for axes in (lambda a: a, lambda a: a.T):  # as MATLAB saves them, and as Python saves what h5py gave it
        for file in (tmp_path / "other/mpi_inf_3dhp_test_set").glob("*/*.mat"):
            content = read_mat(files / file.relative_to(tmp_path / "other"), *keys)
            savemat(file, {key: axes(value) for key, value in content.items()})
        for name, sequence in read_test(tmp_path / "other/mpi_inf_3dhp_test_set").items():
            for field in ("keypoints", "joints", "valid", "activity"):
                np.testing.assert_array_equal(getattr(sequence, field), getattr(whole[name], field))
    with pytest.raises(InputError, match=r"annot\.mat: has no 'univ_annot3', it holds annot2 \(read as MATLAB 7\.3\)"):
        dict(read_training(shared / "cases/annot-mat-v73"))


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("annot2", np.zeros((45, 56)), "annot2 has no cell of camera 0; 14 cells are expected"),
        ("annot2", "none", "annot2 has no cell of camera 0"),
        ("univ_annot3", 3, "univ_annot3 has no cell of camera 0"),
    ],
)
def test_what_is_no_cell_a_camera_is_said(files: Path, tmp_path: Path, key: str, value: object, says: str) -> None:
    file = tmp_path / "S1/Seq1/annot.mat"
    file.parent.mkdir(parents=True)
    savemat(file, read_mat(files / "S1/Seq1/annot.mat", "annot2", "univ_annot3") | {key: value})
    with pytest.raises(InputError, match=rf"annot\.mat: {says}"):
        dict(read_training(tmp_path))


@pytest.mark.parametrize(("key", "shown"), [("annot2", "annot2"), ("univ_annot3", "univ_annot3")])
def test_a_nan_in_annotations_is_named_by_key_and_camera(files: Path, tmp_path: Path, key: str, shown: str) -> None:
    file = tmp_path / "S1/Seq1/annot.mat"
    file.parent.mkdir(parents=True)
    content = read_mat(files / "S1/Seq1/annot.mat", "annot2", "univ_annot3")
    content[key][4, 0][7, 3] = np.nan
    savemat(file, content)
    with pytest.raises(InputError, match=rf"annot\.mat, {shown}, camera 4 has NaN or infinite numbers, first in row 7"):
        dict(read_training(tmp_path))


def test_calibrated_cameras_project_poses_onto_key_points(files: Path) -> None:
    from scipy.io import loadmat

    cells = loadmat(files / "S1/Seq1/annot.mat")
    cameras = read_calibration(files / "S1/Seq1/camera.calibration")
    for number in CAMERAS:
        points, poses = (cells[key][number, 0].reshape(-1, 28, axes) for key, axes in (("annot2", 2), ("annot3", 3)))
        projected = poses @ cameras[number].intrinsic[:3, :3].T
        np.testing.assert_allclose(projected[..., :2] / projected[..., 2:], points, atol=1e-3)  # px
        assert cameras[number].size == (2048, 2048)


def test_a_calibration_of_other_cameras_is_refused(files: Path, tmp_path: Path) -> None:
    shutil.copytree(files / "S1", tmp_path / "S1")
    calibration = tmp_path / "S1/Seq1/camera.calibration"
    calibration.write_text(calibration.read_text(encoding="utf-8").replace("intrinsic   1", "intrinsic   2"))
    with pytest.raises(InputError, match="does not project the joints"):
        dict(read_training(tmp_path))


def test_files_of_another_kind_are_named(files: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no S\*/Seq\*/annot\.mat"):
        read_training(tmp_path)
    with pytest.raises(InputError, match=r"holds no TS\*/annot_data\.mat"):
        read_test(tmp_path)
    for name, read in (
        ("S1/Seq1/annot.mat", lambda folder: dict(read_training(folder))),
        ("TS1/annot_data.mat", read_test),
    ):
        source = next(files.rglob(name))
        for content in (b"", b"<html>", source.read_bytes()[:3000]):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
            with pytest.raises(InputError, match=r"mat: cannot be read as MATLAB file"):
                read(tmp_path)
    calibration = tmp_path / "camera.calibration"
    whole = (files / "S1/Seq1/camera.calibration").read_text(encoding="utf-8")
    for text, says in (("", "names no camera"), (whole[:200], "is not a camera.calibration file")):
        calibration.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=says):
            read_calibration(calibration)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data.update(strange=[{}]), "'strange' is not a sequence such as 'S1 Seq1'"),
        (lambda data: data.update({"S9 Seq1": data["S1 Seq1"]}), "'S9 Seq1' is not a sequence such as 'S1 Seq1'"),
        (lambda data: data.update({"S1 Seq1": []}), "S1 Seq1: holds nothing where a list is expected"),
        (lambda data: data["S1 Seq1"][0].update(left={}), "S1 Seq1: 'left' is not a camera such as '0'"),
        (lambda data: view(data).update(data_2d=None), "S1 Seq1, 0, data_2d holds nothing where numbers"),
        (lambda data: view(data).update(data_2d="cut"), "S1 Seq1, 0, data_2d holds a value of type str where numbers"),
        (lambda data: view(data)["data_2d"].__setitem__((4, 1, 1), np.nan), "data_2d has NaN .* first in row 4"),
        (lambda data: view(data)["data_3d"].__setitem__((4, 1, 1), np.inf), "data_3d has NaN .* first in row 4"),
        (lambda data: view(data).update(data_2d=view(data)["data_2d"] / 1024 - 1), "these are not pixels"),
        (
            lambda data: view(data).update(data_2d=view(data)["data_2d"][:, MIRRORED]),
            "left and right of the key points",
        ),
        (lambda data: view(data).update(data_2d=view(data, "5")["data_2d"]), "S1 Seq1, 0: .*(exchanged|camera)"),
        (lambda data: view(data).update(data_3d=view(data)["data_3d"][:, MIRRORED]), "knees bend backwards"),
        (lambda data: view(data).update(data_3d=view(data)["data_3d"][:, ::-1]), "in another order"),
        (lambda data: data["S1 Seq1"][0]["0"].pop("data_3d"), "S1 Seq1, 0: has no 'data_3d'"),
        (lambda data: data["S1 Seq1"][0]["0"].update(data_2d=np.zeros((3, 17, 2))), "are expected"),
        (lambda data: data["S1 Seq1"][0]["0"]["data_3d"].__imul__(0.001), "these are metres"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(files: Path, tmp_path: Path, change: Callable, says: str) -> None:
    training, _ = stmo(tmp_path, files, lambda data: change(data) if "S1 Seq1" in data else None)
    with pytest.raises(InputError, match=says):
        read_stmo_training(training)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda test: test.update(valid=test["valid"][:, None]), None),
        (lambda test: test.update(valid=np.where(np.arange(50) == 3, np.nan, test["valid"])), "valid has NaN .* row 3"),
        (lambda test: test.update(valid=2 * test["valid"]), "valid marks frames with 2; 0 and 1 are expected"),
        (lambda test: test.update(valid=test["valid"][:-1]), r"valid is \(49,\); numbers of shape \(50,\) are"),
        (lambda test: test.update(valid=0 * test["valid"]), "no frame is valid"),
        (lambda test: test.update(valid=test["valid"].astype(str)), "valid holds an array of <U.* where numbers"),
        (lambda test: test.pop("valid"), "has no 'valid'; is it the right file"),
        (lambda test: test["data_2d"].__setitem__((4, 1, 1), np.nan), "data_2d has NaN .* first in row 4"),
    ],
)
def test_marks_of_valid_frames_are_zero_or_one(files: Path, tmp_path: Path, change: Callable, says: str | None) -> None:
    _, path = stmo(tmp_path, files, lambda data: change(data["TS1"]) if "TS1" in data else None)
    if says is None:
        whole = read_test(files / "mpi_inf_3dhp_test_set")["TS1"]
        assert (read_stmo_test(path)["TS1"].valid == whole.valid).all()
        return
    with pytest.raises(InputError, match=f"TS1(, |: ){says}"):
        read_stmo_test(path)


def test_a_test_sequence_of_no_known_size_is_refused(files: Path, tmp_path: Path) -> None:
    """Its width decides how many millimetres a unit of a network's output is."""
    shutil.copytree(files / "mpi_inf_3dhp_test_set/TS5", tmp_path / "TS5 copy")
    with pytest.raises(InputError, match="'TS5 copy' is not a test sequence such as 'TS1'"):
        read_test(tmp_path)
    _, path = stmo(tmp_path, files, lambda data: data.update(ts5=data["TS5"]) if "TS5" in data else None)
    with pytest.raises(InputError, match="'ts5' is not a test sequence such as 'TS1'"):
        read_stmo_test(path)
