"""Human3.6M's forms: official and preprocessed files agree, and what is wrong with a file is said in one line."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from base.errors import InputError
from datasets.papers.human36m import (
    BODY,
    CAMERAS,
    LIMBS,
    POSITIONS,
    read_detections,
    read_motionbert,
    read_original,
    read_positions,
)
from datasets.papers.limbs import check_limbs, check_points, check_sides
from datasets.skeletons import JOINTS


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


@pytest.mark.shared
def test_a_take_without_a_camera_is_left_out_of_the_npz_files(shared: Path) -> None:
    case = shared / "cases/s11-directions-kept"
    views = read_detections(case / "data_2d_h36m_cpn_ft_h36m_dbb.npz")  # None stands for the view that is not there
    assert set(views) == set(read_positions(case / "data_3d_h36m.npz"))
    assert set(views) == {("S1", "Walking 1"), ("S9", "Walking"), ("S11", "Waiting 1")}


def shuffled(poses: np.ndarray) -> np.ndarray:
    order = list(range(len(JOINTS)))
    order[1], order[13] = order[13], order[1]  # a hip for a wrist
    return poses[:, order]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda poses: poses / 1000, "these are metres, millimetres are expected"),
        (lambda poses: poses * 100, "these are not human poses in mm"),
        (shuffled, "in another order"),
        (lambda poses: np.where(np.arange(17)[:, None] == 3, np.nan, poses), "NaN or infinite positions"),
    ],
)
def test_what_is_wrong_with_poses_is_said(poses: np.ndarray, change: Callable, says: str) -> None:
    assert check_limbs(poses, LIMBS, "here") is poses
    with pytest.raises(InputError, match=f"here: .*{says}"):
        check_limbs(change(poses), LIMBS, "here")


MIRRORED = list(range(len(JOINTS)))
for one, other in ((1, 4), (2, 5), (3, 6), (11, 14), (12, 15), (13, 16)):
    MIRRORED[one], MIRRORED[other] = other, one


def test_a_mirrored_skeleton_is_told_by_its_knees(poses: np.ndarray) -> None:
    assert check_sides(poses, BODY, "here") is poses
    for mirrored in (poses[:, MIRRORED], poses * [-1, 1, 1]):
        check_limbs(mirrored, LIMBS, "here")  # which has the same limbs
        with pytest.raises(InputError, match="here: knees bend backwards; left and right joints are exchanged"):
            check_sides(mirrored, BODY, "here")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda points: points / 500 - 1, "these are not pixels"),
        (lambda points: points[:, MIRRORED], "left and right of the key points are exchanged"),
        (lambda points: points[:, ::-1], "of another camera"),
        (lambda points: points + 200, "of another camera"),
        (lambda points: points[:, [*range(9), 10, 3, *range(11, 17)]], "key point (9|10) does not lie on joint"),
    ],
)
def test_key_points_must_lie_on_the_joints(files: Path, change: Callable, says: str) -> None:
    frames = read_motionbert(files / "motionbert/h36m_sh_conf_cam_source_final.pkl")["train"]
    points, joints = frames.keypoints[:50, :, :2], frames.joints[:50, :, :2]
    check_points(points, joints, BODY, "here")
    with pytest.raises(InputError, match=f"here: .*{says}"):
        check_points(change(points), joints, BODY, "here")


def without(key: str) -> Callable[[dict], object]:
    return lambda split: split.pop(key)


def put(key: str, row: object, value: object) -> Callable[[dict], object]:
    return lambda split: split[key].__setitem__(row, value)


def as_other(key: str, made: Callable[[np.ndarray], object]) -> Callable[[dict], object]:
    return lambda split: split.update({key: made(split[key])})


def changed(files: Path, folder: Path, split: str, change: Callable[[dict], object]) -> Path:
    """MotionBERT's file with a change in one split, whose values are arrays."""
    with (files / "motionbert/h36m_sh_conf_cam_source_final.pkl").open("rb") as file:
        content = pickle.load(file)  # our own fixture
    content[split] = {key: np.array(value) for key, value in content[split].items()}
    change(content[split])
    path = folder / "changed.pkl"
    path.write_bytes(pickle.dumps(content))
    return path


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("joint_2d", (5, 0, 0), np.nan), "joint_2d has NaN or infinite numbers, first in row 5"),
        (put("joint3d_image", (5, 0, 0), np.inf), "joint3d_image has NaN or infinite numbers, first in row 5"),
        (put("confidence", (5, 0), np.nan), "confidence has NaN or infinite numbers, first in row 5"),
        (as_other("joint_2d", lambda a: a / 500 - 1), "these are not pixels"),
        (as_other("joint_2d", lambda a: a[:, MIRRORED]), "left and right of the key points are exchanged"),
        (as_other("joint_2d", lambda a: a[:, ::-1]), "joint_2d: key points lie .* px from the joints"),
        (as_other("joint_2d", lambda a: a[:, :, 0]), r"joint_2d is \(\d+, 17\); numbers of shape"),
        (as_other("joint_2d", lambda a: a.astype(str)), "joint_2d holds an array of <U.* where numbers are expected"),
        (as_other("joint_2d", lambda a: [*a[:-1].tolist(), []]), "joint_2d holds rows of different lengths"),
        (as_other("joint3d_image", lambda a: a[:0]), r"joint3d_image is \(0, 17, 3\)"),
        (as_other("joint3d_image", lambda a: None), "joint3d_image holds nothing where numbers"),
        (lambda s: s.update(source="s_01"), r"source is \(\)"),
        (put("source", 3, "S9_Walking_0"), "'S9_Walking_0' is not the name of a take such as 's_09_act_05_subact_02"),
        (put("source", slice(0, 60), "s_09_act_17_subact_01_ca_01"), "is not the name of a take"),
        (put("source", slice(0, 60), "s_02_act_02_subact_01_ca_01"), "is not the name of a take"),
        (as_other("source", lambda a: np.r_[a[50:60], a[:50], a[60:]]), "camera|with others between"),
        (put("camera_name", 7, "55011271"), "camera '55011271' is not 54138969, whose take this is"),
        (as_other("camera_name", lambda a: [1.5] * len(a)), "camera_name holds a value of type float where a text"),
        (without("camera_name"), "has no 'camera_name'; is it the right file. It holds"),
    ],
)
def test_both_splits_are_checked_by_file_and_key(
    files: Path, tmp_path: Path, split: str, change: Callable, says: str
) -> None:
    path = changed(files, tmp_path, split, change)
    with pytest.raises(InputError, match=says) as caught:
        read_motionbert(path)
    assert str(caught.value).startswith(f"{path}, {split}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (as_other("joint3d_image", lambda a: a[:, ::-1]), "are unlike limbs; the joints are in another order"),
        (as_other("joint3d_image", lambda a: a / 1000), "px long; these are not human poses in px"),
        (as_other("joint3d_image", lambda a: a[:, MIRRORED]), "knees bend backwards"),
        (
            as_other("source", lambda a: [name.replace("s_01", "s_11") for name in a]),
            "belongs to S11; this split",
        ),
    ],
)
def test_poses_to_train_on_are_checked_as_those_of_the_test(
    files: Path, tmp_path: Path, change: Callable, says: str
) -> None:
    with pytest.raises(InputError, match=f"train, .*{says}"):
        read_motionbert(changed(files, tmp_path, "train", change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without("2.5d_factor"), "has no '2.5d_factor'"),  # pixels do not pass for millimetres
        (put("2.5d_factor", 3, np.nan), "2.5d_factor has NaN or infinite numbers, first in row 3"),
        (put("2.5d_factor", 3, -3.5), "2.5d_factor has numbers that are not above 0, first in row 3"),
        (put("joints_2.5d_image", (3, 1, 1), np.nan), "joints_2.5d_image has NaN or infinite numbers, first in row 3"),
        (as_other("2.5d_factor", lambda a: np.stack([a, a], 1)), r"2.5d_factor is \(600, 2\)"),
        (as_other("2.5d_factor", lambda a: 1.0), r"2.5d_factor is \(\)"),
        (as_other("2.5d_factor", lambda a: 1.2 * a), "mm from joint3d_image times 2.5d_factor"),
        (put("action", 3, "Eating"), "has the actions Eating, SittingDown; a take has one"),
    ],
)
def test_what_only_the_test_split_has_is_checked(files: Path, tmp_path: Path, change: Callable, says: str) -> None:
    with pytest.raises(InputError, match=f"test, .*{says}|test: {says}"):
        read_motionbert(changed(files, tmp_path, "test", change))


def written_otherwise(split: dict) -> None:
    """Lists, bytes, other numbers, an axis more, a third column: the same data."""
    split["joint_2d"] = np.concatenate([split["joint_2d"], split["confidence"][..., None]], -1).astype(np.float64)
    split["confidence"] = split["confidence"][..., None].tolist()
    split["joint3d_image"] = split["joint3d_image"].astype(object)
    split["camera_name"] = split["camera_name"].astype(int)
    split["source"] = split["source"].astype("S")[:, None]
    if "2.5d_factor" in split:
        split["2.5d_factor"] = split["2.5d_factor"][:, None].tolist()


@pytest.mark.parametrize("split", ["train", "test"])
def test_data_that_are_merely_written_otherwise_are_read(files: Path, tmp_path: Path, split: str) -> None:
    wanted = read_motionbert(files / "motionbert/h36m_sh_conf_cam_source_final.pkl")[split]
    found = read_motionbert(changed(files, tmp_path, split, written_otherwise))[split]
    for name, array in vars(wanted).items():
        assert array is None or getattr(found, name).dtype.kind == array.dtype.kind
        np.testing.assert_array_equal(getattr(found, name), array)


def test_the_take_without_a_camera_is_left_out_of_the_pickle(files: Path, tmp_path: Path) -> None:
    def rename(split: dict) -> None:
        rows = np.char.startswith(split["source"], "s_09_act_10_subact_02")
        split["source"][rows] = np.char.replace(split["source"][rows], "s_09_act_10", "s_11_act_02")
        split["action"] = np.where(rows, "Directions", split["action"])

    found = read_motionbert(changed(files, tmp_path, "test", rename))["test"]
    whole = read_motionbert(files / "motionbert/h36m_sh_conf_cam_source_final.pkl")["test"]
    assert 0 < len(found.source) < 600
    assert not np.char.startswith(found.source, "s_11_act_02").any()
    np.testing.assert_array_equal(found.joints[-1], whole.joints[-1])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data["S9"].update({"Walking": None}), "S9 Walking holds nothing where numbers are expected"),
        (lambda data: data["S9"].update({"Walking twice": data["S9"]["Walking"]}), "S9 Walking twice is not a take"),
        (lambda data: data.update({"Subject9": data["S9"]}), "Subject9 Walking.* is not a take such as 'S9 Walking 1'"),
        (lambda data: data.update({"S9": []}), "S9: holds nothing where a mapping is expected"),
        (lambda data: data["S9"]["Walking"].__setitem__((3, 1, 1), np.nan), "S9 Walking has NaN .* first in row 3"),
        (lambda data: data["S9"]["Walking"].__imul__([-1, 1, 1]), "S9 Walking: knees bend backwards"),
        (lambda data: data["S9"].update({"Walking": data["S9"]["Walking"][:, :17]}), r"S9 Walking is \(\d+, 17, 3\)"),
    ],
)
def test_what_is_wrong_with_positions_is_said(files: Path, tmp_path: Path, change: Callable, says: str) -> None:
    positions = np.load(files / "videopose3d/data_3d_h36m.npz", allow_pickle=True)["positions_3d"].item()  # ours
    change(positions)
    np.savez(tmp_path / "3d.npz", positions_3d=positions)
    with pytest.raises(InputError, match=rf"3d\.npz, (positions_3d, )?{says}"):
        read_positions(tmp_path / "3d.npz")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda views: views.__setitem__(2, None),
            "S9 Walking, camera 58860488 holds nothing where numbers are expected",
        ),
        (lambda views: views.pop(), "S9 Walking: has 3 views; 4 of"),
        (lambda views: views[1].__setitem__((3, 1, 1), np.inf), "S9 Walking, camera 55011271 has NaN or infinite"),
        (lambda views: views.__setitem__(0, views[0][:, :16]), r"S9 Walking, camera 54138969 is \(\d+, 16, 2\)"),
    ],
)
def test_what_is_wrong_with_detections_is_said(files: Path, tmp_path: Path, change: Callable, says: str) -> None:
    with np.load(files / "videopose3d/data_2d_h36m_gt.npz", allow_pickle=True) as content:  # our own fixture
        points, metadata = content["positions_2d"].item(), content["metadata"].item()
    points["S9"]["Walking"] = [np.array(view) for view in points["S9"]["Walking"]]
    change(points["S9"]["Walking"])
    np.savez(tmp_path / "2d.npz", positions_2d=points, metadata=metadata)
    with pytest.raises(InputError, match=rf"2d\.npz, {says}"):
        read_detections(tmp_path / "2d.npz")


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
    with pytest.raises(InputError, match=says):
        read_motionbert(changed(files, tmp_path, "test", change))


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
