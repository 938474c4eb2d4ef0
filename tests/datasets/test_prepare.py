"""Prepared data: the contract, the same bytes every time, and what is said when they are damaged."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from base.errors import InputError
from base.folders import whole_folder
from datasets.card import Card
from datasets.lifting import COLUMNS, _check_words, load
from datasets.motion.prepare import prepare


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with synthetic-gt and synthetic-sh-like."""
    folder = tmp_path_factory.mktemp("prepared")
    for name in ("synthetic-gt", "synthetic-sh-like"):
        prepare(name, folder / name)
    return folder


@pytest.fixture
def split(prepared: Path, tmp_path: Path) -> Path:
    """A copy of one split, to be damaged."""
    return Path(shutil.copytree(prepared / "synthetic-sh-like/val", tmp_path / "val"))


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_contract(prepared: Path) -> None:
    for name in ("train", "val", "test"):
        split = load(prepared / "synthetic-sh-like" / name)
        n = len(split.frames)
        assert split.keypoints.shape == split.joints.shape == (n, 17, 3)
        assert split.factor.shape == (n,)
        assert {a.dtype for a in (split.keypoints, split.joints, split.factor)} == {np.dtype(np.float32)}
        assert tuple(split.frames.columns) == COLUMNS
        assert all(isinstance(a, np.memmap) for a in (split.keypoints, split.joints, split.factor))
        assert split.frames["sequence"].str.fullmatch(r"s_\d\d_act_\d\d_subact_\d\d_ca_\d\d").all()
        assert 0 <= split.keypoints[..., 2].min() <= split.keypoints[..., 2].max() <= 1
        assert split.card.space == "image-2.5d"
        assert split.card.counts.frames == n
        for start, stop in split.sequences():
            assert split.frames["sequence"][start:stop].nunique() == 1
            assert (np.diff(split.frames["frame"][start:stop]) == 1).all()


def test_presets_differ_in_keypoints_only(prepared: Path) -> None:
    for name in ("train", "val", "test"):
        exact, noisy = (load(prepared / data / name) for data in ("synthetic-gt", "synthetic-sh-like"))
        for array in ("joints", "factor"):
            np.testing.assert_array_equal(getattr(exact, array), getattr(noisy, array))
        pd.testing.assert_frame_equal(exact.frames, noisy.frames)
        np.testing.assert_array_equal(exact.keypoints[..., :2], exact.joints[..., :2] / exact.factor[:, None, None])
        assert (np.asarray(exact.keypoints[..., 2]) == 1).all()
        assert 1 < np.abs(exact.keypoints[..., :2] - noisy.keypoints[..., :2]).mean() < 5


def test_the_same_arguments_give_the_same_bytes(prepared: Path, tmp_path: Path) -> None:
    """In another process, so that nothing is owed to this one's state."""
    code = "import sys; from datasets.motion.prepare import prepare; prepare('synthetic-sh-like', sys.argv[1])"
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, tmp_path / "again"], check=True, env=environment)
    assert _hashes(tmp_path / "again") == _hashes(prepared / "synthetic-sh-like")
    prepare("synthetic-sh-like", tmp_path / "other", seed=1)
    assert _hashes(tmp_path / "other")["val/joints.npy"] != _hashes(prepared / "synthetic-sh-like")["val/joints.npy"]


def test_torch_is_not_needed() -> None:
    modules = "datasets.motion.prepare, datasets.motion.cmu, datasets.motion.synthetic"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("synthetic-shlike", "'synthetic-sh-like'"), ("cmu", "cmu-"), ("synthetic-", "synthetic-"), ("h36m-gt", "-gt'")],
)
def test_unknown_names(name: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"unknown data set .*{hint}"):
        prepare(name, tmp_path / "data")
    assert not list(tmp_path.iterdir())


def test_replaces_prepared_data_but_nothing_else(tmp_path: Path) -> None:
    prepare("synthetic-gt", tmp_path / "data")
    prepare("synthetic-hard", tmp_path / "data")
    assert load(tmp_path / "data/val").card.preset == "hard"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="mine: exists and holds no prepared data"):
        prepare("synthetic-gt", tmp_path / "mine")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "mine"]


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"data: cannot be written \(.*\); free"):
        prepare("synthetic-gt", tmp_path / "file/data")

    def read_only(*_: object, **__: object) -> None:  # permissions do not stop root, who may run the tests
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", read_only)
    with pytest.raises(InputError, match=r"data: cannot be written \(Read-only file system\)"):
        prepare("synthetic-gt", tmp_path / "data")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def _truncate(split: Path) -> None:
    path = split / "joints.npy"
    path.write_bytes(path.read_bytes()[:-1000])


def _change(name: str, change) -> object:
    def damage(split: Path) -> None:
        np.save(split / name, change(np.load(split / name)))

    return damage


def _with_nan(values: np.ndarray) -> np.ndarray:
    values[41, 3, 1] = np.nan
    return values


def _shuffled(split: Path) -> None:
    frames = pd.read_parquet(split / "frames.parquet")
    frames.iloc[::-1].iloc[np.argsort(np.arange(len(frames)) % 2, kind="stable")].to_parquet(split / "frames.parquet")


def _fewer_rows(split: Path) -> None:
    pd.read_parquet(split / "frames.parquet")[:-1].to_parquet(split / "frames.parquet")


def _pickled(split: Path) -> None:
    np.save(split / "factor.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


def _empty_card(split: Path) -> None:
    (split / "card.json").write_text("{}")


DAMAGES = {
    "truncated": (_truncate, r"joints\.npy: damaged or unreadable .*prepare the data set again"),
    "sixteen joints": (_change("joints.npy", lambda a: a[:, :16]), r"joints\.npy: holds float32 \(960, 16, 3\)"),
    "float64": (_change("factor.npy", lambda a: a.astype(float)), r"factor\.npy: holds float64 \(960,\)"),
    "NaN": (_change("keypoints.npy", _with_nan), r"keypoints\.npy: NaN or infinite in row 41"),
    "zero factor": (_change("factor.npy", lambda a: a * 0), r"factor\.npy: has factors that are not positive"),
    "a pickle": (_pickled, r"factor\.npy: damaged or unreadable .*Python objects"),
    "other rows": (_fewer_rows, r"frames\.parquet: has 959 rows, the card says 960"),
    "torn sequences": (_shuffled, r"frames\.parquet: holds 8 sequences in \d+ pieces"),
    "no table": (lambda split: (split / "frames.parquet").unlink(), r"frames\.parquet: is missing"),
    "no parquet": (lambda split: (split / "frames.parquet").write_bytes(b"PAR"), r"frames\.parquet: damaged"),
    "no JSON": (lambda split: (split / "card.json").write_text("{"), r"card\.json: damaged or unreadable"),
    "no counts": (_empty_card, r"card\.json: lacks counts"),
    "nothing": (shutil.rmtree, r"val: no such folder; prepare"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_data_end_in_one_line(damage: str, split: Path) -> None:
    break_it, message = DAMAGES[damage]
    load(split)
    break_it(split)
    with pytest.raises(InputError, match=message) as caught:
        load(split)
    assert "\n" not in str(caught.value)


def test_card_names_code_and_counts(prepared: Path) -> None:
    card = json.loads((prepared / "synthetic-gt/train/card.json").read_text())
    assert card["counts"] == {"frames": 64 * 160 * 4, "sequences": 256, "subjects": 8, "actions": 8}
    assert len(card["code"]["sha256"]) == 64
    assert (card["dataset"], card["preset"], card["seed"], card["fps"]) == ("synthetic-gt", "gt", 0, 50.0)


def test_what_a_link_leads_to_is_not_replaced(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "card.json").write_text("{}")
    (tmp_path / "set").symlink_to(disk)
    with pytest.raises(InputError, match="set: is a link; remove it"), whole_folder(tmp_path / "set"):
        pass
    assert (disk / "card.json").is_file()
    (tmp_path / "data").symlink_to(disk)  # the folder above may be one
    with whole_folder(tmp_path / "data/other") as part:
        (part / "card.json").touch()
    assert (disk / "other/card.json").is_file()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"joints": "coco"}, "joints is 'coco'"),
        ({"joints": ["human3.6m-17"]}, "joints is "),
        ({"windows": "tilling"}, "windows is 'tilling'; did you mean 'tiling'"),
        ({"training_clips": {"every": 0}}, "training_clips.every is 0"),
        ({"training_clips": {"every": "x"}}, "training_clips.every is 'x'"),
    ],
    ids=str,
)
def test_a_cards_word_that_names_nothing_is_refused(tmp_path: Path, said: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=rf"card\.json: {complaint}"):
        _check_words(tmp_path / "card.json", Card.parse(json.dumps(said)))
