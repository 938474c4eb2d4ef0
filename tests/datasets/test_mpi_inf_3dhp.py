"""MPI-INF-3DHP's forms: official and preprocessed files agree, and what is wrong with a file is said in one line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.published.mpi_inf_3dhp import (
    CAMERAS,
    read_calibration,
    read_stmo_test,
    read_stmo_training,
    read_test,
    read_training,
)
from studies.errors import InputError


@pytest.fixture
def files(shared: Path) -> Path:
    return shared / "fixtures/synthetic/mpi_inf_3dhp/original"


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
    for text, says in (("", "names no camera"), (whole[:200], "is no camera.calibration")):
        calibration.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=says):
            read_calibration(calibration)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data.update(strange=[{}]), "'strange' is no sequence such as 'S1 Seq1'"),
        (lambda data: data["S1 Seq1"][0]["0"].pop("data_3d"), "S1 Seq1, 0: has no 'data_3d'"),
        (lambda data: data["S1 Seq1"][0]["0"].update(data_2d=np.zeros((3, 17, 2))), "are wanted"),
        (lambda data: data["S1 Seq1"][0]["0"]["data_3d"].__imul__(0.001), "these are metres"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(files: Path, tmp_path: Path, change: Callable, says: str) -> None:
    training, _ = stmo(tmp_path, files, lambda data: change(data) if "S1 Seq1" in data else None)
    with pytest.raises(InputError, match=says):
        read_stmo_training(training)
