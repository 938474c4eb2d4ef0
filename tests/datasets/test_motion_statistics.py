"""What motions are made of: numbers that are known, the command, and synthetic motion held against the real one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from base.errors import InputError
from datasets.lifting import Split, load
from datasets.motion.prepare import prepare
from datasets.motion.statistics import Performance, _angles, _performance, _spectrum, performances, statistics, world
from datasets.motion.synthetic import motion
from datasets.skeletons import FLIP_ORDER
from workflow.commands.motions import ABOUT, main

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "docs/measurements/2026-11-29-motions.csv"
REMEDY = "if the generator was meant to change, renew docs/measurements/2026-11-29-motions.*"
# How far synthetic motion may be from CMU's, as a factor either way, and what is allowed to be further off: the page
# beside the stored table says why.
WITHIN = 1.6
FURTHER = {
    ("angle", "elbow", "5 %"): 2,
    ("angle", "trunk to upright", "5 %"): 2.5,
    ("acceleration", "hip", "median"): 4,
    ("acceleration", "hip", "95 %"): 5,
    ("acceleration", "knee", "95 %"): 2,
    ("acceleration", "spine", "median"): 2.5,
    ("acceleration", "spine", "95 %"): 3,
    ("acceleration", "elbow", "95 %"): 2,
    ("within 3 s", "turned", "95 %"): 2,
    ("within 3 s", "moved over the floor", "median"): 2.5,
    ("within 3 s", "moved up and down", "median"): 2.5,
    ("within 3 s", "moved up and down", "95 %"): 2.5,
    ("spectrum", "4 to 8 Hz", "share"): 3,
    ("spectrum", "from 8 Hz", "share"): 3,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with synthetic motion, prepared."""
    folder = tmp_path_factory.mktemp("motions")
    prepare("synthetic-sh-like", folder / "data/prepared/synthetic-sh-like")
    return folder


@pytest.fixture(scope="module")
def splits(folder: Path) -> dict[str, Split]:
    return {name: load(folder / "data/prepared/synthetic-sh-like" / name) for name in ("train", "val", "test")}


@pytest.fixture(scope="module")
def table(splits: dict[str, Split]) -> pd.DataFrame:
    """What the generator gives now, beside what is stored."""
    now = pd.DataFrame([[*s.name, s.value] for s in statistics(splits)], columns=[*ABOUT, "now"])
    merged = pd.read_csv(STORED).merge(now, on=ABOUT, how="left").set_index(["quantity", "of", "what"])
    return merged[merged["synthetic"].notna()]


def test_poses_go_back_into_the_world(splits: dict[str, Split]) -> None:
    """Through lens, distortion and 2.5D space and back: each take is where it was made."""
    train = splits["train"]
    for take in motion("synthetic", None, 0).splits["train"][::16]:
        for camera in (0, 3):
            rows = np.flatnonzero(train.sequence == take.sequence(camera))
            seen = world(train, slice(rows[0], rows[-1] + 1))
            assert np.abs(seen - take.joints).max() < 1e-4


def test_each_take_counts_once(splits: dict[str, Split]) -> None:
    takes = performances(splits["train"])
    assert len(takes) == 64
    np.testing.assert_allclose(
        takes[5].joints / 1000, motion("synthetic", None, 0).splits["train"][5].joints, atol=1e-4
    )


def test_a_turned_body_has_the_same_poses_and_a_turned_heading(splits: dict[str, Split]) -> None:
    take = performances(splits["val"])[0]
    cos, sin = np.cos(0.7), np.sin(0.7)
    turned = _performance(take.joints @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + [300, -50, 20])
    np.testing.assert_allclose(turned.poses, take.poses, atol=1e-6)
    np.testing.assert_allclose(np.exp(1j * (turned.heading - take.heading)), np.exp(0.7j))
    across = take.poses[:, [4, 11]].sum(1) - take.poses[:, [1, 14]].sum(1)
    assert (across[:, 1] > 0).all()  # left is to the left
    np.testing.assert_allclose(across[:, 0], 0, atol=1e-9)


def test_a_mirrored_body_has_the_same_angles(splits: dict[str, Split]) -> None:
    take = performances(splits["val"])[0]
    mirrored = _performance((take.joints * [1, -1, 1])[:, FLIP_ORDER])
    np.testing.assert_allclose([s.value for s in _angles([mirrored])], [s.value for s in _angles([take])])


def test_a_swing_of_3_hertz_lies_in_its_band() -> None:
    joints = np.zeros((200, 17, 3))
    joints[:, 13, 0] = np.sin(2 * np.pi * 3 * np.arange(200) / 50)
    shares = {s.of: s.value for s in _spectrum([Performance(joints, np.zeros(200), joints)], 50)}
    assert shares["2 to 4 Hz"] > 95
    assert sum(shares.values()) == pytest.approx(100)


@pytest.mark.slow
def test_synthetic_motion_is_like_real_motion(table: pd.DataFrame) -> None:
    """Of percentages only the spectrum's are held: the others are of rare things, or of three bodies."""
    held = table[(table["unit"] != "%") | (table.index.get_level_values("quantity") == "spectrum")]
    assert len(held) > 120
    ratio = held["now"] / held["cmu"]
    far = [
        f"{' '.join(name)}: {held['now'][name]:.3g}, of CMU {held['cmu'][name]:.3g}"
        for name in held.index
        if not 1 / FURTHER.get(name, WITHIN) < ratio[name] < FURTHER.get(name, WITHIN)
    ]
    assert not far
    assert set(FURTHER) <= set(held.index)


@pytest.mark.slow
def test_the_stored_table_is_of_the_generator_as_it_is(table: pd.DataFrame) -> None:
    np.testing.assert_allclose(table["now"], table["synthetic"], rtol=0.01, atol=0.01, err_msg=REMEDY)


@pytest.mark.slow
def test_the_command_writes_what_it_prints(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    main(["synthetic"])
    assert capsys.readouterr().out == Path("results/motions.md").read_text()
    written = pd.read_csv("results/motions.csv")
    assert list(written) == [*ABOUT, "synthetic"]
    assert written["synthetic"].notna().all()


@pytest.mark.parametrize(
    ("motions", "words"),
    [
        ([], "name the motions: .*motions synthetic cmu"),
        (["synthetik"], "unknown motion 'synthetik'; did you mean 'synthetic'"),
        (
            ["synthetic", "cmu"],
            "data/prepared/cmu-sh-like: does not exist; prepare it with `.*run data/prepared/cmu-sh-like`",
        ),
    ],
)
def test_what_the_command_refuses(
    motions: list[str], words: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=words):
        main(motions)
    assert not Path("results").exists() or "cmu" not in Path("results/motions.csv").read_text()
