"""What is not the file is not taken for it: each kind of file of the catalogue, and each thing that comes instead."""

import gzip
import hashlib
import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from base.errors import InputError
from datasets.fetching.contents import Expected, complaint
from datasets.fetching.sources import catalogue, faults, fetch, unpack_all
from datasets.fetching.todo import get_data, is_there

PAGE = b"<!DOCTYPE html>\n<html><title>Sign in</title>Please sign in to the network.</html>\n"
STRANGERS = {
    "a page": PAGE,
    "a page behind blank lines and a mark": b"\xef\xbb\xbf\r\n\n" + PAGE,
    "a page without a type": b"<html><body>moved</body></html>",
    "a message in XML": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "a message": json.dumps({"error": {"code": 403, "message": "quota exceeded"}}).encode(),
    "a pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n",
    "nothing": b"",
    "blank lines": b"\r\n\r\n",
}


def archive(mode: str, name: str = "a.json", content: bytes = b'{"a": 1}' * 50) -> bytes:
    stream = io.BytesIO()
    if mode == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(name, content)
    else:
        with tarfile.open(fileobj=stream, mode=mode) as packed:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def arrays() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, positions=np.arange(1000.0), metadata=np.array({"a": 1}, object))
    return stream.getvalue()


def matlab(compressed: bool) -> bytes:
    stream = io.BytesIO()
    savemat(stream, {"annot2": np.arange(500.0), "frames": np.arange(3)}, do_compression=compressed)
    return stream.getvalue()


GOOD = {
    "a.npz": arrays(),
    "a.zip": archive("zip"),
    "a.tar": archive("w"),
    "a.tgz": archive("w:gz"),
    "a.tar.gz": archive("w:gz"),
    "packed.mat": matlab(True),
    "a.mat": matlab(False),
    "new.mat": b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(100),
    "a.pkl": pickle.dumps({"train": np.arange(1000)}),
    "old.pkl": pickle.dumps({"train": [1, 2]}, protocol=0),
    "a.json": b'[{"image_id": 1, "bbox": [1, 2, 3, 4]}]',
    "a.xml": b"<?xml version='1.0'?><metadata><w0>[1 2]</w0></metadata>",
    "a.cdf": b"\xcd\xf3\x00\x01\x00\x00\xff\xff" + bytes(100),
    "camera.calibration": b"Skeletool Camera Calibration File V1.0\nname 0\n  intrinsic 1500 0 1024 0\n",
}


def wrong(folder: Path, name: str, content: bytes, thorough: bool = True, **known: object) -> str | None:
    (folder / name).write_bytes(content)
    found = complaint(folder / name, name, Expected(**known), thorough)
    assert found is None or "\n" not in found
    return found


@pytest.mark.parametrize("name", GOOD)
def test_good_files_are_taken(name: str, tmp_path: Path) -> None:
    for thorough in (True, False):
        assert wrong(tmp_path, name, GOOD[name], thorough) is None


@pytest.mark.parametrize("name", [*GOOD, "a.bin", "a.txt", "a.pth"])
@pytest.mark.parametrize("other", STRANGERS)
def test_what_comes_instead_of_a_file_is_told(name: str, other: str, tmp_path: Path) -> None:
    if (name, other) in {("a.json", "a message"), ("a.xml", "a message in XML")}:
        return  # well-formed: its reader tells
    for thorough in (True, False):
        assert wrong(tmp_path, name, STRANGERS[other], thorough)
    assert wrong(tmp_path, name, gzip.compress(STRANGERS[other])) or name in ("a.bin", "a.txt")


CUT = [name for name in GOOD if name not in ("new.mat", "old.pkl", "a.cdf", "camera.calibration")]


@pytest.mark.parametrize("name", CUT)
def test_a_cut_file_is_told(name: str, tmp_path: Path) -> None:
    for share in (0.05, 0.1) if name == "a.tar" else (0.5, 0.9):  # most of this one are blanks at its end
        assert wrong(tmp_path, name, GOOD[name][: int(share * len(GOOD[name]))])


@pytest.mark.parametrize("name", ["a.npz", "a.zip", "a.tgz", "packed.mat"])
def test_a_wrong_byte_in_the_middle_is_told(name: str, tmp_path: Path) -> None:
    content = bytearray(GOOD[name])
    content[len(content) // 3] ^= 4
    assert wrong(tmp_path, name, bytes(content))


@pytest.mark.parametrize("name", GOOD)
def test_garbage_behind_the_right_beginning_is_told(name: str, tmp_path: Path) -> None:
    if name in ("new.mat", "a.cdf", "old.pkl", "camera.calibration"):
        return  # they have no more than a beginning
    assert wrong(tmp_path, name, GOOD[name][:8] + np.random.default_rng(0).bytes(2000))


def test_the_size_and_the_wanted_names_of_an_archive_count(tmp_path: Path) -> None:
    assert wrong(tmp_path, "a.bin", b"x" * 10, size=12) == "has 10 bytes instead of 12"
    assert "a web page" in wrong(tmp_path, "a.bin", PAGE, size=12)
    assert wrong(tmp_path, "a.zip", GOOD["a.zip"], keep=["*.mat"]) == "holds none of *.mat; is it the right file?"
    assert wrong(tmp_path, "a.npz", archive("zip")) == "is not an npz file (it holds other things than arrays)"


@pytest.mark.shared
def test_the_genuine_samples_are_taken(shared: Path) -> None:
    samples = [path for path in (shared / "fixtures").rglob("*.*") if path.is_file() and path.suffix != ".md"]
    assert len(samples) > 30
    for path in samples:
        assert complaint(path, path.name, Expected(), thorough=True) is None, path


# Every entry of the catalogue, fetched from a mirror that has something else, or put there by hand.

SOURCES = catalogue()
FETCHED = [name for name, entry in SOURCES.items() if entry.kind != "manual"]


def serve(mirror: Path, name: str, content: bytes) -> None:
    for file in SOURCES[name].files:
        (mirror / file).parent.mkdir(parents=True, exist_ok=True)
        (mirror / file).write_bytes(content)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real sites come after the mirror: nobody is to wait for them here."""
    monkeypatch.setattr("datasets.fetching.sources._roots", lambda entry, mirror: [Path(mirror).as_uri()])
    monkeypatch.setenv("SSMPOSE_POSETRACK21_TOKEN", "token")


@pytest.mark.parametrize("name", FETCHED)
@pytest.mark.parametrize("other", ["a page", "nothing", "a message", "a pointer"])
def test_nothing_of_another_thing_is_kept(name: str, other: str, no_network: None, tmp_path: Path) -> None:
    serve(tmp_path / "mirror", name, STRANGERS[other])
    with pytest.raises(
        InputError, match=r"cannot be fetched \(file://.*(is|holds) .*; check the network, or"
    ) as caught:
        fetch(name, tmp_path / "raw", mirror=tmp_path / "mirror", accept=True)
    assert "\n" not in str(caught.value)
    assert not left(tmp_path / "raw")
    assert not is_there(SOURCES[name], tmp_path / "raw")


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_of_another_thing_is_there(name: str, tmp_path: Path) -> None:
    entry = SOURCES[name]
    for file in entry.files:
        path = entry.place(tmp_path) / file
        if not path.suffix:  # a folder
            path = path / "a.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PAGE)
    (tmp_path / f"{name}.fetched.json").write_text("{}")
    if entry.instead and "*" not in entry.instead and Path(entry.instead).suffix:
        (entry.place(tmp_path) / entry.instead).write_bytes(PAGE)
    assert not is_there(entry, tmp_path)
    assert len(faults(entry, tmp_path)) == len(entry.files)


CPN, NPZ = "human36m-cpn", "data_2d_h36m_cpn_ft_h36m_dbb.npz"


@pytest.fixture
def others(shared: Path, tmp_path: Path) -> Path:
    """Raw files of Human3.6M, all but the detections."""
    raw = tmp_path / "raw"
    for entry in (SOURCES["human36m-positions"], SOURCES["human36m-cameras"]):
        assert entry.place(raw) == raw / "human36m"
    positions = shared / "fixtures/synthetic/h36m/original/S1/MyPoseFeatures/D3_Positions/Directions.cdf"
    target = raw / "human36m/S1/MyPoseFeatures/D3_Positions/Directions.cdf"
    target.parent.mkdir(parents=True)
    target.write_bytes(positions.read_bytes())
    (raw / "human36m/cameras.pkl").write_bytes((shared / "fixtures/mmpose/h36m/cameras.pkl").read_bytes())
    return raw


@pytest.mark.shared
def test_the_case_of_a_login_page(
    shared: Path, others: Path, no_network: None, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Said in one line, kept nowhere; and once the mirror is mended, the right file is taken."""
    case = shared / "cases/login-page-for-a-file"
    assert get_data(["human36m"], others, {CPN: {"mirror": str(case), "accept": True}}) == ["human36m"]
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    for words in (NPZ, case.as_uri(), "is not an npz file but a web page", "name another mirror"):
        assert words in line
    assert not (others / "human36m" / NPZ).exists()
    assert not list(others.glob(f"{CPN}.*"))
    assert not list(others.rglob("*.part*"))
    (tmp_path / "mended").mkdir()
    (tmp_path / "mended" / NPZ).write_bytes(arrays())
    assert get_data(["human36m"], others, {CPN: {"mirror": str(tmp_path / "mended"), "accept": True}}) == []


@pytest.mark.shared
def test_a_page_that_was_locked_is_forgotten(others: Path, no_network: None, tmp_path: Path) -> None:
    """An earlier version stored and locked whatever came."""
    target = others / "human36m" / NPZ
    target.write_bytes(PAGE)
    lock = {"source": CPN, "files": {NPZ: {"sha256": hashlib.sha256(PAGE).hexdigest(), "size": len(PAGE)}}}
    (others / f"{CPN}.lock.json").write_text(json.dumps(lock))
    (others / f"{CPN}.fetched.json").write_text("{}")
    (tmp_path / "mended").mkdir()
    (tmp_path / "mended" / NPZ).write_bytes(arrays())
    mended = {CPN: {"mirror": str(tmp_path / "mended"), "accept": True}}
    assert get_data(["human36m"], others, mended) == []
    assert target.read_bytes() == arrays()


def test_a_sum_of_a_first_download_is_named_as_such(no_network: None, tmp_path: Path) -> None:
    """And deleting the file that the message names is all that has to be done."""
    mirror, raw = tmp_path / "mirror", tmp_path / "raw"
    serve(mirror, CPN, arrays())
    fetch(CPN, raw, mirror=mirror, accept=True)
    stream = io.BytesIO()
    np.savez(stream, positions=np.arange(7))
    serve(mirror, CPN, stream.getvalue())
    fetch(CPN, raw, mirror=mirror, accept=True)  # what is there stays
    (raw / "human36m" / NPZ).unlink()
    lock = raw / f"{CPN}.lock.json"
    wanted = f"the sha256 recorded at the first download, in {lock}: delete that file if {NPZ} was replaced upstream"
    with pytest.raises(InputError) as caught:
        fetch(CPN, raw, mirror=mirror, accept=True)
    assert wanted in str(caught.value)
    assert "\n" not in str(caught.value)
    lock.unlink()
    fetch(CPN, raw, mirror=mirror, accept=True)
    assert (raw / "human36m" / NPZ).read_bytes() == stream.getvalue()


def test_deleting_the_lock_fetches_nothing_again(no_network: None, tmp_path: Path) -> None:
    mirror, raw, name = tmp_path / "mirror", tmp_path / "raw", "mpi-inf-3dhp-training"
    serve(mirror, name, matlab(True))
    for file in SOURCES[name].files:
        if file.endswith(".calibration"):
            (mirror / file).write_bytes(GOOD["camera.calibration"])
    fetch(name, raw, mirror=mirror, accept=True)
    before = (raw / f"{name}.lock.json").read_bytes()
    (raw / f"{name}.lock.json").unlink()
    for path in mirror.rglob("*.*"):
        path.unlink()
    fetch(name, raw, mirror=mirror, accept=True)
    assert (raw / f"{name}.lock.json").read_bytes() == before


def test_a_file_put_there_by_hand_is_taken_and_looked_at(no_network: None, tmp_path: Path) -> None:
    raw, target = tmp_path / "raw", tmp_path / "raw/human36m" / NPZ
    target.parent.mkdir(parents=True)
    target.write_bytes(PAGE)
    with pytest.raises(InputError, match=rf"{NPZ} cannot be fetched"):
        fetch(CPN, raw, mirror=tmp_path / "nowhere", accept=True)
    assert target.read_bytes() == PAGE  # it is somebody's, and stays until there is a better one
    target.write_bytes(arrays())
    fetch(CPN, raw, mirror=tmp_path / "nowhere", accept=True)
    assert json.loads((raw / f"{CPN}.lock.json").read_text())["files"][NPZ]["size"] == len(arrays())


def test_an_archive_that_turns_bad_in_the_middle_leaves_nothing(no_network: None, tmp_path: Path) -> None:
    """Frames count as there by a pattern: half of them must not."""
    raw, entry = tmp_path / "raw", SOURCES["posetrack18-images"]
    place = entry.place(raw)
    place.mkdir(parents=True)
    one, two = (
        archive("w", "images/val/a/000000.jpg", b"\xff\xd8"),
        archive("w", "images/val/a/000001.jpg", b"\xff\xd8"),
    )
    whole = one[:1024] + two
    for parts, message in (
        ([whole[:700], whole[700:1100]], "posetrack18_images.tar.aa: is damaged or not an archive"),
        ([whole[:700], None, whole[700:]], r"posetrack18_images.tar.ab: is missing; put all parts there"),
    ):
        for letter, part in zip("abc", parts, strict=False):
            if part is not None:
                (place / f"posetrack18_images.tar.a{letter}").write_bytes(part)
        with pytest.raises(InputError, match=message):
            unpack_all(entry, raw)
        assert not (place / "images").exists()
        assert not is_there(entry, raw)
        for path in place.glob("posetrack18*"):
            path.unlink()
    for letter, part in zip("ab", (whole[:700], whole[700:]), strict=True):
        (place / f"posetrack18_images.tar.a{letter}").write_bytes(part)
    unpack_all(entry, raw)
    assert left(place / "images") == ["000000.jpg", "000001.jpg"]
    assert is_there(entry, raw)
    (place / ".unpacking-posetrack18_images.tar.aa").mkdir()  # killed while files took their places
    assert not is_there(entry, raw)


@pytest.mark.parametrize("clutter", [".DS_Store", "._a.json", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints/a.json"])
def test_a_folder_of_hidden_files_is_empty(clutter: str, tmp_path: Path) -> None:
    entry = SOURCES["posetrack17-labels"]
    for name in entry.files:
        path = entry.place(tmp_path) / name / clutter
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\0\5\x16\7")
    assert not is_there(entry, tmp_path)
    for name in entry.files:
        (entry.place(tmp_path) / name / "a.json").write_text('{"annolist": []}')
    assert is_there(entry, tmp_path)


def test_one_bad_archive_of_several_is_not_hidden_by_the_others(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """One person's positions would else count for all seven."""
    raw, entry = tmp_path / "raw", SOURCES["human36m-positions"]
    for name in entry.files:
        subject = name.removesuffix(".tgz").rpartition("_")[2]
        path = entry.place(raw) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive("w:gz", f"{subject}/MyPoseFeatures/D3_Positions/Walking.cdf", GOOD["a.cdf"]))
    bad = entry.place(raw) / "Poses_D3_Positions_S6.tgz"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:-20])
    assert get_data(["human36m"], raw, {}) == ["human36m"]
    assert "Poses_D3_Positions_S6.tgz: is damaged or not an archive" in capsys.readouterr().err
    assert not is_there(entry, raw)
    bad.write_bytes(whole)
    get_data(["human36m"], raw, {})
    assert is_there(entry, raw)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.npz").write_bytes(arrays())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # permissions do not stop root, who may run the tests
    assert complaint(tmp_path / "a.npz", "a.npz", Expected()) == "cannot be read (Permission denied)"
