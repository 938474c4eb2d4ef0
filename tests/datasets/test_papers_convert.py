"""From the published files to prepared data: each form gives the same arrays, and the protocol's number."""

import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from base.errors import InputError
from datasets.lifting import Split, load
from datasets.normalise import normalise_keypoints
from datasets.papers.convert import convert
from datasets.papers.human36m_cameras import ACTIONS, CAMERAS, numbered, read_cameras
from datasets.papers.human36m_convert import PICKLE
from datasets.papers.mpi_inf_3dhp_convert import TEST, TRAINING
from metrics.lifting import human36m, mpi_inf_3dhp
from tests.datasets.test_mpi_inf_3dhp import stmo


@pytest.fixture
def raw(shared: Path, tmp_path: Path) -> Path:
    """A folder of raw files with Human3.6M in all forms and MPI-INF-3DHP in the official one."""
    human = tmp_path / "raw/human36m"
    forms = shared / "fixtures/synthetic/h36m"
    shutil.copytree(forms / "original", human)
    for file in [*(forms / "videopose3d").iterdir(), forms / "motionbert" / PICKLE]:
        shutil.copy(file, human)
    shutil.copy(shared / "fixtures/mmpose/h36m/cameras.pkl", human)
    shutil.copytree(shared / "fixtures/synthetic/mpi_inf_3dhp/original", tmp_path / "raw/mpi-inf-3dhp")
    return tmp_path / "raw"


def converted(name: str, raw: Path, form: str = "auto") -> dict[str, Split]:
    folder = raw.parent / f"{name}-{form}"
    convert(name, folder, raw, form)
    return {split.name: load(split) for split in folder.iterdir() if split.is_dir()}


def same(one: Split, other: Split, atol: float) -> None:
    rows = other.frames["sequence"].isin(one.frames["sequence"].unique()).to_numpy()
    assert one.frames["sequence"].tolist() == other.frames["sequence"][rows].tolist()
    for name in ("keypoints", "joints", "factor"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name)[rows], atol=atol)


@pytest.mark.parametrize("preset", ["gt", "cpn", "sh"])
def test_human36m_is_the_same_from_official_and_preprocessed_files(raw: Path, preset: str) -> None:
    original = converted(f"human36m-{preset}", raw, "original")
    later = converted(f"human36m-{preset}", raw, "videopose3d")
    assert set(original) == set(later) == {"train", "test"}
    for split, arrays in original.items():
        same(arrays, later[split], atol=1e-3)  # mm and px
    assert original["test"].frames["sequence"].iloc[0] == "s_09_act_05_subact_02_ca_01"  # Greeting, a faulty take


def test_projected_joints_are_videopose3ds_ground_truth(raw: Path) -> None:
    """Its file of projected joints was made by its own code."""
    from datasets.papers.human36m import read_detections

    test = converted("human36m-gt", raw, "original")["test"]
    views = read_detections(raw / "human36m/data_2d_h36m_gt.npz")["S9", "Walking"]
    for i in range(4):
        rows = (test.frames["sequence"] == f"s_09_act_14_subact_02_ca_{i + 1:02d}").to_numpy()
        np.testing.assert_allclose(test.keypoints[rows, :, :2], views[i], atol=1e-2)


def test_motionberts_pickle_keeps_its_numbers(raw: Path) -> None:
    with (raw / "human36m" / PICKLE).open("rb") as file:
        content = pickle.load(file)  # our own fixture
    splits = converted("human36m-sh", raw)
    test = splits["test"]
    assert test.card.form == "motionbert"
    np.testing.assert_allclose(test.joints, content["test"]["joints_2.5d_image"], atol=1e-3)
    np.testing.assert_array_equal(test.keypoints[..., :2], content["test"]["joint_2d"])
    train = splits["train"]  # in pixels: labels are the same as from mm and a factor
    np.testing.assert_allclose(train.joints / train.factor[:, None, None], content["train"]["joint3d_image"], atol=1e-3)


def test_ground_truth_scores_zero_and_detections_of_it_their_distance(raw: Path) -> None:
    """Perfect predictions through normalisation, windows and the protocol, on every form."""
    for form in ("motionbert", "original", "videopose3d"):
        test = converted("human36m-gt", raw, form)["test"]
        frames = test.frames
        size = frames["width"].to_numpy(), frames["height"].to_numpy()
        image = test.joints.astype(float) / test.factor[:, None, None].astype(float)
        points = normalise_keypoints(image[..., :2], *size).astype(float)
        perfect = np.concatenate([points, 2 * image[..., 2:] / size[0][:, None, None]], -1)
        perfect -= perfect[:, :1]  # the root is set to 0
        names = frames["action"].to_numpy(), frames["sequence"].to_numpy()
        assert human36m(perfect, test.joints, test.factor, *size, *names)["mpjpe"] < 1e-3
        shifted = perfect + np.eye(17)[5][:, None] * [0, 0, 0.1]  # one joint by 50 px of depth
        found = human36m(shifted, test.joints, test.factor, *size, *names)["mpjpe"]
        kept = ~frames["sequence"].str.startswith(("s_09_act_05_subact_02", "s_09_act_10_subact_02")).to_numpy()
        by_action = [50 * test.factor[kept & (names[0] == a)].mean() / 17 for a in set(names[0][kept])]
        assert found == pytest.approx(np.mean(by_action), rel=1e-4)


def test_mpi_inf_3dhp_is_the_same_from_official_and_preprocessed_files(raw: Path, tmp_path: Path) -> None:
    original = converted("mpi-inf-3dhp-gt", raw, "original")
    training, test = stmo(tmp_path, raw / "mpi-inf-3dhp")
    shutil.copy(training, raw / "mpi-inf-3dhp" / TRAINING)
    shutil.copy(test, raw / "mpi-inf-3dhp" / TEST)
    later = converted("mpi-inf-3dhp-gt", raw)
    assert later["train"].card.form == "p-stmo"
    for split, arrays in original.items():
        same(arrays, later[split], atol=1e-3)
        assert (arrays.frames["valid"] == later[split].frames["valid"]).all()
    _, judged = original["test"].judged(27)
    assert len(judged.frames) == original["test"].frames["valid"].sum() == 53
    size = judged.frames["width"].to_numpy(), judged.frames["height"].to_numpy()
    relative = judged.joints.astype(float) - judged.joints[:, 14:15]
    outputs = relative * 2 / size[0][:, None, None]
    outputs[..., 0] -= 1
    outputs[..., 1] -= (size[1] / size[0])[:, None]
    named = judged.frames["sequence"].to_numpy()
    # The root is set to 0, which is the middle of the image, as in the released code.
    outputs[..., :2] -= outputs[:, 14:15, :2]
    assert mpi_inf_3dhp(outputs, judged.joints, np.ones(len(outputs)), named, *size)["mpjpe"] < 1e-3


def test_official_metadata_gives_cameras_and_numbers(raw: Path) -> None:
    pickled = read_cameras(raw / "human36m")
    assert pickled.numbers == {}
    write_metadata(raw / "human36m/metadata.xml", pickled.cameras)
    official = read_cameras(raw / "human36m")
    assert official.file.name == "metadata.xml"
    assert official.numbers["S1", "Photo"] == (12, 2)
    assert set(official.cameras) == set(pickled.cameras)
    for name, camera in pickled.cameras.items():
        np.testing.assert_allclose(official.cameras[name].rotation, camera.rotation, atol=1e-9)
        np.testing.assert_allclose(official.cameras[name].position, camera.position, atol=1e-9)
        assert official.cameras[name].size == camera.size
        np.testing.assert_allclose(official.cameras[name].tangential, camera.tangential)


def write_metadata(path: Path, cameras: dict) -> None:
    """The parts of the authors' metadata.xml that are read."""
    places, optics = np.zeros((4, 11, 6)), np.zeros((4, 9))
    for i, name in enumerate(CAMERAS):
        for subject in range(1, 12):
            r = cameras[f"S{subject}", name].rotation
            angles = np.arctan2(-r[1, 2], r[2, 2]), np.arcsin(r[0, 2]), np.arctan2(-r[0, 1], r[0, 0])
            places[i, subject - 1] = *angles, *(1000 * cameras[f"S{subject}", name].position)
        camera = cameras["S1", name]
        optics[i] = *camera.focal, *camera.centre, *camera.radial, *camera.tangential
    root = ElementTree.Element("metadata")
    values = np.concatenate([places.ravel(), optics.ravel()])
    ElementTree.SubElement(root, "w0").text = f"[{' '.join(map(repr, values.tolist()))}]"
    rows = [["", "", "S1", "S5"], ["1", "1", "_ALL", "_ALL"], ["12", "2", "TakingPhoto", "TakingPhoto 2"]]
    mapping = ElementTree.SubElement(root, "mapping")
    for row in rows:
        line = ElementTree.SubElement(mapping, "tr")
        for text in row:
            ElementTree.SubElement(line, "td").text = text
    path.write_bytes(ElementTree.tostring(root))


def test_takes_are_numbered_as_the_known_ones_are() -> None:
    takes = [("S9", f"{action}{n}") for action in ACTIONS for n in (" 1", "")]
    found = numbered(takes, {})
    assert found["S9", "Greeting"] == (5, 2)
    assert found["S9", "SittingDown"] == (10, 2)
    assert found["S9", "Waiting 1"] == (13, 1)
    assert numbered([("S5", "Photo"), ("S5", "Photo 2")], {})["S5", "Photo"] == (12, 1)
    with pytest.raises(InputError, match="S1 Dancing: is none of the 15 actions"):
        numbered([("S1", "Dancing")], {})


@pytest.mark.parametrize(
    ("name", "gone", "says"),
    [
        ("human36m-sh", ["*.pkl", "*.npz", "S*"], "nothing to make human36m-sh of"),
        ("human36m-cpn", ["cameras.pkl"], "holds no metadata.xml"),
        ("human36m-cpn", ["data_2d_h36m_cpn*"], "data_2d_h36m_cpn_ft_h36m_dbb.npz: no such file"),
        ("human36m-gt", ["*.pkl", "*.npz", "S1"], "holds no metadata.xml"),
        ("mpi-inf-3dhp-gt", ["S1"], "nothing to make mpi-inf-3dhp-gt of"),
    ],
)
def test_missing_files_are_named_and_nothing_is_written(raw: Path, name: str, gone: list[str], says: str) -> None:
    for pattern in gone:
        for path in (raw / name.rpartition("-")[0]).glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match=says):
        convert(name, raw.parent / "out", raw)
    assert sorted(p.name for p in raw.parent.iterdir()) == ["raw"]


def case(shared: Path, folder: Path, name: str) -> Path:
    """A raw folder with one of the cases of Human3.6M."""
    raw = folder / "raw/human36m"
    shutil.copytree(shared / "cases" / name, raw)
    shutil.copy(shared / "fixtures/mmpose/h36m/cameras.pkl", raw)
    return raw.parent


@pytest.mark.shared
@pytest.mark.parametrize("preset", ["sh", "gt"])
def test_a_factor_in_a_column_is_taken_as_one_a_frame(shared: Path, tmp_path: Path, preset: str) -> None:
    test = converted(f"human36m-{preset}", case(shared, tmp_path, "factor-as-column"))["test"]
    assert test.joints.shape == (20, 17, 3)
    np.testing.assert_allclose(test.joints[-1, -1], (2424.8, 1223.3, -469.9), atol=0.05)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("train-joints-in-another-order", "train, s_01_act_14_subact_01_ca_01, joint3d_image: .*in another order"),
        (
            "source-names-of-another-tool",
            "test, source: 'S9_Walking_0' is not the name of a take such as 's_09_act_05_subact",
        ),
        ("factor-nan", r"test, 2\.5d_factor has NaN or infinite numbers, first in row 3"),
    ],
)
def test_faults_are_named_by_the_raw_file_and_the_key(shared: Path, tmp_path: Path, name: str, says: str) -> None:
    raw = case(shared, tmp_path, name)
    with pytest.raises(InputError, match=f"^{raw}/human36m/{PICKLE}, {says}"):
        convert("human36m-sh", tmp_path / "out", raw)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["raw"]


@pytest.mark.shared
@pytest.mark.parametrize("preset", ["cpn", "gt"])
def test_the_take_that_lacks_a_camera_is_left_out(shared: Path, tmp_path: Path, preset: str) -> None:
    test = converted(f"human36m-{preset}", case(shared, tmp_path, "s11-directions-kept"))["test"]
    takes = test.frames["sequence"].str[:-6].unique().tolist()
    assert takes == ["s_09_act_14_subact_02", "s_11_act_13_subact_01"]


def rewrite_cameras(raw: Path, change: Callable[[dict], object]) -> None:
    path = raw / "human36m/cameras.pkl"
    content = pickle.loads(path.read_bytes())  # the fixture's
    change(content["S9", CAMERAS[1]])
    path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda camera: camera.update(c=np.full((2, 1), np.nan)), r"'S9', '55011271'\), c has NaN or infinite numbers"),
        (lambda camera: camera.update(T=camera["T"] * np.nan), r"'S9', '55011271'\), T has NaN or infinite numbers"),
        (lambda camera: camera.update(T=1000 * camera["T"]), "camera 55011271 stands .* m from the middle of the room"),
        (lambda camera: camera.update(R=2 * camera["R"]), "the rotation of camera 55011271 is not a rotation"),
        (lambda camera: camera.update(f=-camera["f"]), "a focal length that is not above 0"),
        (lambda camera: camera.update(k="none"), r"'S9', '55011271'\), k holds a value of type str where numbers"),
        (lambda camera: camera.pop("k"), r"'S9', '55011271'\): has no 'k'"),
    ],
)
def test_faults_of_cameras_are_named(raw: Path, change: Callable, says: str) -> None:
    rewrite_cameras(raw, change)
    with pytest.raises(InputError, match=rf"cameras\.pkl.*{says}"):
        convert("human36m-gt", raw.parent / "out", raw, "videopose3d")


def test_a_camera_of_another_view_is_told(raw: Path) -> None:
    """Turned away, it sees nobody; exchanged with another, the detections are not where it sees the joints."""
    rewrite_cameras(raw, lambda camera: camera.update(R=np.diag([1.0, -1, -1]) @ camera["R"]))
    with pytest.raises(InputError, match=r"S9 \w+, seen by camera 55011271 of cameras\.pkl: .*(above|outside)"):
        convert("human36m-gt", raw.parent / "out", raw, "videopose3d")
    content = pickle.loads((raw / "human36m/cameras.pkl").read_bytes())
    content["S9", CAMERAS[1]] = content["S9", CAMERAS[2]]
    (raw / "human36m/cameras.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"cpn_ft_h36m_dbb\.npz, S9 Walking, camera 55011271: "):
        convert("human36m-cpn", raw.parent / "out", raw, "videopose3d")


def test_key_points_of_another_unit_are_told_in_each_form(raw: Path) -> None:
    path = raw / "human36m/data_2d_h36m_cpn_ft_h36m_dbb.npz"
    with np.load(path, allow_pickle=True) as content:  # our own fixture
        points, metadata = content["positions_2d"].item(), content["metadata"].item()
    points["S9"]["Walking"] = [view / 500 - 1 for view in points["S9"]["Walking"]]
    np.savez(path, positions_2d=points, metadata=metadata)
    for form in ("original", "videopose3d"):
        with pytest.raises(InputError, match=rf"{path.name}, S9 Walking, camera 54138969: .* these are not pixels"):
            convert("human36m-cpn", raw.parent / "out", raw, form)


def test_an_unknown_name_or_form_has_a_nearest(raw: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'human36m-sh'"):
        convert("human36m-hs", raw.parent / "out", raw)
    with pytest.raises(InputError, match="unknown form 'orignal'; did you mean 'original'"):
        convert("human36m-gt", raw.parent / "out", raw, "orignal")


def test_the_report_says_what_is_missing(raw: Path) -> None:
    convert("human36m-sh", raw.parent / "out", raw)
    report = (raw.parent / "out/report.md").read_text(encoding="utf-8")
    assert "400 train frames of 1,559,752 and 600 test frames of 566,920" in report
    assert "Not scored, their ground truth is shifted: s_09_act_10_subact_02." in report


KILLED = """
import sys, time
from datasets import writing
from datasets.papers.convert import convert
real = writing.SplitWriter.add
def slowly(self, *arrays):
    real(self, *arrays)
    print("wrote some", flush=True)
    time.sleep(60)
writing.SplitWriter.add = slowly
convert("human36m-sh", sys.argv[1], sys.argv[2])
"""


def test_a_killed_conversion_starts_again_and_ends_with_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    convert("human36m-sh", tmp_path / "whole", raw)
    with subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / "out", raw], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.kill()
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.part").is_dir()
    convert("human36m-sh", tmp_path / "out", raw)
    assert not (tmp_path / ".out.part").exists()
    one, other = (
        {p.relative_to(tmp_path / name).as_posix(): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in ("whole", "out")
    )
    assert one == other
