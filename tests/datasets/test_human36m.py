"""Human3.6M's forms: official and preprocessed files agree, and what is wrong with a file is said in one line."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.published.human36m import (
    CAMERAS,
    LIMBS,
    POSITIONS,
    read_detections,
    read_motionbert,
    read_original,
    read_positions,
)
from datasets.published.limbs import check_limbs
from datasets.skeletons import JOINTS
from studies.errors import InputError


@pytest.fixture
def files(shared: Path) -> Path:
    return shared / "fixtures/synthetic/h36m"


@pytest.fixture
def poses(files: Path) -> np.ndarray:
    """(60, 17, 3) mm."""
    return read_original(files / "original")["S1", "Walking 1"]


def test_official_and_preprocessed_files_agree(files: Path) -> None:
    original, later = read_original(files / "original"), read_positions(files / "videopose3d/data_3d_h36m.npz")
    assert set(original) == {("S1", "Directions"), ("S1", "Walking 1"), ("S9", "Greeting"), ("S9", "Walking")}
    assert set(later) - set(original) == {("S11", "Waiting 1")}
    for take, poses in original.items():
        np.testing.assert_allclose(poses, later[take], atol=1e-3)  # mm


@pytest.mark.parametrize(("name", "joints"), [("gt", 17), ("cpn_ft_h36m_dbb", 17), ("sh_ft_h36m", 16)])
def test_detections_are_views_of_the_takes(files: Path, name: str, joints: int) -> None:
    views = read_detections(files / f"videopose3d/data_2d_h36m_{name}.npz")
    takes = read_positions(files / "videopose3d/data_3d_h36m.npz")
    assert set(views) == set(takes)
    for take, cameras in views.items():
        assert [view.shape[1:] for view in cameras] == [(joints, 2)] * len(CAMERAS)
        assert all(len(view) >= len(takes[take]) for view in cameras)


def test_motionberts_file_has_its_two_splits(files: Path) -> None:
    splits = read_motionbert(files / "motionbert/h36m_sh_conf_cam_source_final.pkl")
    train, test = splits["train"], splits["test"]
    assert (len(train.keypoints), len(test.keypoints)) == (400, 600)
    assert (train.factor, train.action) == (None, None)
    assert test.source[0] == "s_09_act_10_subact_02_ca_01"
    assert (test.action[0], test.camera[0]) == ("SittingDown", "54138969")
    assert test.keypoints.dtype == test.joints.dtype == test.factor.dtype == np.float32
    assert np.abs(test.joints[:, 0, 2]).max() < 1e-3  # depth is that behind the root


def test_a_take_without_a_camera_is_left_out_and_names_are_those_of_later_work(files: Path, tmp_path: Path) -> None:
    source = files / "original/S1" / POSITIONS / "Walking 1.cdf"
    for subject, name in (("S11", "Directions"), ("S11", "Directions 1"), ("S1", "TakingPhoto 1")):
        target = tmp_path / subject / POSITIONS / f"{name}.cdf"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    assert set(read_original(tmp_path)) == {("S11", "Directions 1"), ("S1", "Photo 1")}


def shuffled(poses: np.ndarray) -> np.ndarray:
    order = list(range(len(JOINTS)))
    order[1], order[13] = order[13], order[1]  # a hip for a wrist
    return poses[:, order]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda poses: poses / 1000, "these are metres, millimetres are wanted"),
        (lambda poses: poses * 100, "these are no human poses in mm"),
        (shuffled, "in another order"),
        (lambda poses: np.where(np.arange(17)[:, None] == 3, np.nan, poses), "NaN or infinite positions"),
    ],
)
def test_what_is_wrong_with_poses_is_said(poses: np.ndarray, change: Callable, says: str) -> None:
    assert check_limbs(poses, LIMBS, "here") is poses
    with pytest.raises(InputError, match=f"here: .*{says}"):
        check_limbs(change(poses), LIMBS, "here")


def without(key: str) -> Callable[[dict], object]:
    return lambda split: split.pop(key)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without("joint_2d"), "test: has no 'joint_2d'"),
        (without("joints_2.5d_image"), "test: has no 'joints_2.5d_image'"),
        (lambda split: split.update(joint3d_image=split["joint3d_image"][:, :16]), r"joint3d_image is \(600, 16, 3\)"),
        (lambda split: split.update(source=split["source"][:-1]), r"source is \(599,\)"),
        (lambda split: split.update(camera_name=["12"] * 600), "camera '12' is none of"),
        (lambda split: split["joint_2d"].__setitem__((0, 0, 0), np.nan), "has NaN or infinite numbers"),
        (lambda split: split["joints_2.5d_image"].__imul__(0.001), "these are metres"),
    ],
)
def test_what_is_wrong_with_motionberts_file_is_said(files: Path, tmp_path: Path, change: Callable, says: str) -> None:
    with (files / "motionbert/h36m_sh_conf_cam_source_final.pkl").open("rb") as file:
        content = pickle.load(file)  # our own fixture
    content["test"] = {key: np.array(value) for key, value in content["test"].items()}
    change(content["test"])
    path = tmp_path / "changed.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=says):
        read_motionbert(path)


def test_confidence_may_have_an_axis_more_or_be_absent(files: Path, tmp_path: Path) -> None:
    with (files / "motionbert/h36m_sh_conf_cam_source_final.pkl").open("rb") as file:
        content = pickle.load(file)  # our own fixture
    content["train"]["confidence"] = np.asarray(content["train"]["confidence"])[..., None]
    del content["test"]["confidence"]
    path = tmp_path / "changed.pkl"
    path.write_bytes(pickle.dumps(content))
    splits = read_motionbert(path)
    assert splits["train"].keypoints.shape == (400, 17, 3)
    assert (splits["test"].keypoints[..., 2] == 1).all()


def test_files_of_another_kind_are_named(files: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no S\*/MyPoseFeatures"):
        read_original(tmp_path)
    cut = tmp_path / "S1" / POSITIONS / "Walking.cdf"
    cut.parent.mkdir(parents=True)
    whole = (files / "original/S1" / POSITIONS / "Walking 1.cdf").read_bytes()
    for content in (b"", b"<html>", whole[:2000]):
        cut.write_bytes(content)
        with pytest.raises(InputError, match=r"Walking\.cdf: cannot be read as CDF"):
            read_original(tmp_path)
    with pytest.raises(InputError, match="has no 'positions_3d'; is it the right file"):
        read_positions(files / "videopose3d/data_2d_h36m_gt.npz")
    with pytest.raises(InputError, match="has no 'metadata'"):
        read_detections(files / "videopose3d/data_3d_h36m.npz")
