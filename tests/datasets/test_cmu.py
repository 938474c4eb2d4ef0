"""CMU clips: faults cut, frames counted, splits apart; the numbers were counted on the files themselves."""

from pathlib import Path

import numpy as np
import pytest

from base.errors import InputError
from datasets.fetching.sources import fetch
from datasets.lifting import load
from datasets.motion.asf import forward_kinematics, read_amc, read_asf
from datasets.motion.cmu import CLIPS, SPLITS, clip_takes, faultless, human36m_joints, resampled
from datasets.motion.prepare import prepare

FAULTLESS_TRAIN = 79_700  # poses of the training clips that have no gross fault, over four cameras
FAULTY = {"s_01_act_06", "s_01_act_07", "s_03_act_02"}


@pytest.fixture(scope="module")
def raw(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    mirror = shared / "data/cmu"
    fetch("cmu", folder, mirror=f"{mirror},{mirror / 'extra'}")
    return folder


@pytest.fixture(scope="module")
def prepared(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cmu") / "cmu-sh-like"
    prepare("cmu-sh-like", folder, raw_dir=raw)
    return folder


@pytest.fixture
def still() -> np.ndarray:
    """A clip of somebody who drifts slowly, joints (600, 17, 3) in metres."""
    return np.random.default_rng(0).uniform(0, 1, (1, 17, 3)) + np.linspace(0, 1, 600)[:, None, None]


def test_no_clip_is_in_two_splits() -> None:
    for base in SPLITS:
        clips = [clip for names in SPLITS[base].values() for clip in names]
        assert len(clips) == len(set(clips))
    assert {clip for names in SPLITS["cmu"].values() for clip in names} == set(CLIPS)
    for split, clips in SPLITS["cmu-small"].items():
        assert set(clips) <= set(SPLITS["cmu"][split])


def test_a_clean_clip_is_one_piece(still: np.ndarray) -> None:
    assert faultless(still) == [(0, 600)]


def test_a_flipped_limb_is_cut(still: np.ndarray) -> None:
    still[300:305, 2] += 0.5
    assert faultless(still) == [(0, 300), (305, 600)]


def test_a_jump_of_the_body_is_cut(still: np.ndarray) -> None:
    still[300:] += 0.5
    assert faultless(still) == [(0, 300), (300, 600)]


def test_a_standstill_is_cut_but_not_a_short_one(still: np.ndarray) -> None:
    still[200:206] = still[200]
    still[400:405] = still[400]
    assert faultless(still) == [(0, 200), (206, 600)]


def test_fast_motion_is_no_fault(still: np.ndarray) -> None:
    """15 m/s at the foot, gathered over a tenth of a second, as in the kick of 11_01."""
    speed = 0.125 * np.exp(-(((np.arange(600) - 300) / 6.0) ** 2))
    still[:, 3, 0] += np.cumsum(speed)
    assert faultless(still) == [(0, 600)]


def test_short_pieces_go_with_the_fault(still: np.ndarray) -> None:
    still[20:] += 0.5
    assert faultless(still) == [(20, 600)]


def test_resampling_keeps_to_the_clips_own_grid() -> None:
    joints = np.arange(241.0)[:, None, None] * np.ones((1, 17, 3))  # frame number as position
    frames, values = resampled(joints, 0, 241, 120.0)
    np.testing.assert_allclose(values[:, 0, 0], 2.4 * frames)
    assert frames.tolist() == list(range(101))
    later, values = resampled(joints, 50, 200, 120.0)
    np.testing.assert_allclose(values[:, 0, 0], 2.4 * later)
    assert (later[0], later[-1]) == (21, 82)


def test_raw_files_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs its raw files"):
        prepare("cmu-gt", tmp_path / "data")
    with pytest.raises(InputError, match=r"\.asf: is missing; fetch the source 'cmu' first"):
        prepare("cmu-gt", tmp_path / "data", raw_dir=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.shared
def test_every_known_fault_is_cut(shared: Path) -> None:
    """The list of the data's own README, in frames at 120 Hz; nothing else is cut."""
    assert _pieces(shared, "01_06") == [(0, 4755), (4760, 5133)]
    assert _pieces(shared, "01_07") == [(0, 3341), (3364, 4839)]
    assert _pieces(shared, "03_02") == [(50, 365)]
    assert _pieces(shared, "01_03") == [(0, 3104), (3119, 4510)]
    assert _pieces(shared, "01_12") == [(0, 1721), (1721, 4109)]
    assert _pieces(shared, "01_14") == [(0, 2054), (2054, 2338)]
    for clip, frames in {"01_05": 4376, "02_04": 483, "11_01": 597}.items():
        assert _pieces(shared, clip) == [(0, frames)]


def _pieces(shared: Path, clip: str) -> list[tuple[int, int]]:
    folder = shared / "data/cmu" / ("extra" if clip[:2] == "11" else ".") / "subjects" / clip[:2]
    skeleton = read_asf(folder / f"{clip[:2]}.asf")
    motion = read_amc(folder / f"{clip}.amc", skeleton)
    return faultless(human36m_joints(skeleton, forward_kinematics(skeleton, motion)))


@pytest.mark.shared
@pytest.mark.parametrize(("clip", "displacement"), [("03_01", 62), ("01_01", 148), ("01_10", 254)])
def test_golden_displacement(clip: str, displacement: float, raw: Path) -> None:
    """Root-relative distance from the clip's mean pose, in millimetres, as another reader of the format found it."""
    (take,) = clip_takes(clip, raw / "cmu", (0,))
    rooted = 1000 * (take.joints - take.joints[:, :1])
    assert np.linalg.norm(rooted - rooted.mean(0), axis=-1).mean() == pytest.approx(displacement, abs=0.6)


@pytest.mark.shared
def test_joints_stand_where_human36m_has_them(raw: Path) -> None:
    (take,) = clip_takes("02_01", raw / "cmu", (0,))
    pose = take.joints
    assert pose[:, [3, 6], 2].mean() < 0.25 < 1.3 < pose[:, 10, 2].mean()  # ankles down, head up: z is up
    back = np.linalg.norm(pose[:, 7] - pose[:, 0], axis=-1)
    chest = np.linalg.norm(pose[:, 8] - pose[:, 0], axis=-1)
    assert back.mean() == pytest.approx(0.22, abs=0.02)
    assert chest.mean() == pytest.approx(0.455, abs=0.025)
    # Left is left: seen by somebody who walks forward.
    forward = pose[-1, 0] - pose[0, 0]
    left = np.cross([0, 0, 1], forward)
    assert ((pose[:, 4] - pose[:, 1]) @ left > 0).all()
    assert ((pose[:, 11] - pose[:, 14]) @ left > 0).all()
    floor = pose[:, 0, :2]
    np.testing.assert_allclose(floor.max(0) + floor.min(0), 0, atol=0.02)


@pytest.mark.shared
@pytest.mark.slow
def test_counts_are_those_of_the_files(prepared: Path) -> None:
    splits = {name: load(prepared / name) for name in ("train", "val", "test", "new")}
    take = splits["train"].frames["sequence"].str[:11]
    assert (~take.isin(FAULTY)).sum() == FAULTLESS_TRAIN
    assert set(take[take.isin(FAULTY)]) == FAULTY
    assert len(splits["test"].frames) == pytest.approx(22_400, abs=50)
    assert len(splits["new"].frames) == pytest.approx(6_500, abs=50)
    assert {name: len(split.frames) for name, split in splits.items()} == {
        "train": 96_792,
        "val": 10_200,
        "test": 22_436,
        "new": 6_520,
    }


@pytest.mark.shared
@pytest.mark.slow
def test_no_pose_is_in_two_splits(prepared: Path) -> None:
    splits = {name: load(prepared / name) for name in ("train", "val", "test", "new")}
    takes = {name: set(split.frames["sequence"].str[:11]) for name, split in splits.items()}
    poses = {name: {row.tobytes() for row in np.asarray(split.joints)} for name, split in splits.items()}
    names = list(splits)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert not takes[a] & takes[b]
            assert not poses[a] & poses[b]
    assert not set(splits["new"].frames["subject"]) & set(splits["train"].frames["subject"])


@pytest.mark.shared
@pytest.mark.slow
def test_poses_are_human_and_almost_always_in_the_picture(prepared: Path) -> None:
    """Mean-pose error, computed independently: 227 mm on P-clip, 235 mm on P-new (there without the faulty clips)."""
    splits = {name: load(prepared / name) for name in ("train", "test", "new")}
    rooted = {name: np.asarray(split.joints) - np.asarray(split.joints[:, :1]) for name, split in splits.items()}
    mean = rooted["train"].mean(0)
    error = {name: np.linalg.norm(rooted[name] - mean, axis=-1).mean() for name in ("test", "new")}
    assert error["test"] == pytest.approx(227, rel=0.07)
    assert error["new"] == pytest.approx(235, rel=0.07)
    for split in splits.values():
        pixels = split.joints[..., :2] / split.factor[:, None, None]
        sizes = split.frames[["width", "height"]].to_numpy()[:, None]
        outside = ((pixels < 0) | (pixels >= sizes)).any((1, 2)).mean()
        assert outside < 0.03
        assert split.factor.min() > 2


@pytest.mark.shared
def test_small_is_small_and_repeatable(raw: Path, tmp_path: Path) -> None:
    for name in ("once", "twice"):
        prepare("cmu-small-sh-like", tmp_path / name, raw_dir=raw)
    assert sorted(p.name for p in (tmp_path / "once").iterdir()) == ["test", "train", "val"]
    files = [p.relative_to(tmp_path / "once") for p in sorted((tmp_path / "once").rglob("*.*"))]
    assert len(files) == 15
    for file in files:
        assert (tmp_path / "once" / file).read_bytes() == (tmp_path / "twice" / file).read_bytes()
    train = load(tmp_path / "once/train")
    assert train.card.fps == 25.0
    assert train.card.counts.sequences == 3 * 2
    assert (np.diff(train.frames["frame"])[:50] == 2).all()
    (facts,) = train.card.sources
    assert len(facts.sha256) == 7
    assert facts.url == "http://mocap.cs.cmu.edu"


@pytest.mark.shared
def test_a_damaged_raw_file_is_named(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "cmu").mkdir()
    for file in ("02.asf", *(f"02_{i:02d}.amc" for i in (1, 2, 3, 4, 5, 9))):
        target = tmp_path / "cmu/subjects/02" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((raw / "cmu/subjects/02" / file).read_bytes()[: -100 if file == "02_03.amc" else None])
    with pytest.raises(InputError, match=r"02_03\.amc: differs from its sha256; delete it and fetch"):
        prepare("cmu-small-gt", tmp_path / "data", raw_dir=tmp_path)
    assert not (tmp_path / "data").exists()
