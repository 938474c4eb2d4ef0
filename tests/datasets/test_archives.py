"""Archives: whole files come out, in one piece or many; traps are refused in one line and write nothing outside."""

import errno
import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from datasets.fetching import archives
from datasets.fetching.archives import look_through, unpack

FILES = {"a/one.txt": b"one" * 1000, "a/b/two.bin": bytes(range(256)) * 50, "three": b""}


def tar(path: Path, files: dict[str, bytes] = FILES, mode: str = "w:gz", change: Callable = lambda info: None) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            change(info)
            archive.addfile(info, io.BytesIO(content))
    return path


def zipped(path: Path, files: dict[str, bytes] = FILES, stored: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def read(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("make", [tar, lambda p: tar(p, mode="w"), zipped])
def test_whole_files_come_out(make: Callable, tmp_path: Path) -> None:
    archive = make(tmp_path / "archive")
    assert unpack([archive], tmp_path / "out") == 3
    assert read(tmp_path / "out") == FILES
    assert unpack([archive], tmp_path / "some", keep=["a/*"]) == 2
    assert set(read(tmp_path / "some")) == {"a/one.txt", "a/b/two.bin"}


@given(cuts=st.lists(st.integers(0, 400), max_size=4))
def test_parts_are_one_stream(cuts: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("parts")
    whole = tar(folder / "whole").read_bytes()
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    parts = []
    for i in range(len(edges) - 1):
        parts.append(folder / f"part.a{i}")
        parts[-1].write_bytes(whole[edges[i] : edges[i + 1]])
    unpack(parts, folder / "out")
    assert read(folder / "out") == FILES


def link(info: tarfile.TarInfo) -> None:
    info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc", 0


def hard(info: tarfile.TarInfo) -> None:
    info.type, info.linkname, info.size = tarfile.LNKTYPE, "../secret", 0


def device(info: tarfile.TarInfo) -> None:
    info.type, info.size = tarfile.CHRTYPE, 0


@pytest.mark.parametrize(
    "name", ["../out.txt", "/tmp/ssmpose-out.txt", "a/../../out.txt", "..\\out.txt", "C:/out.txt", "."]
)
@pytest.mark.parametrize("make", [tar, zipped])
def test_names_that_lead_out_are_refused(make: Callable, name: str, tmp_path: Path) -> None:
    archive = make(tmp_path / "archive", {"fine": b"1", name: b"2"})
    with pytest.raises(InputError, match="points outside its folder; do not trust this file"):
        unpack([archive], tmp_path / "in/folder")
    assert set(read(tmp_path)) == {"archive", "in/folder/fine"}


@pytest.mark.parametrize("change", [link, hard, device])
def test_links_and_devices_are_refused(change: Callable, tmp_path: Path) -> None:
    archive = tar(tmp_path / "archive", {"trap": b""}, change=change)
    with pytest.raises(InputError, match="'trap', which is not a plain file"):
        unpack([archive], tmp_path / "out")
    assert set(read(tmp_path)) == {"archive"}


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        info = zipfile.ZipInfo("trap")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc")
    with pytest.raises(InputError, match="'trap', which is not a plain file"):
        unpack([tmp_path / "archive"], tmp_path / "out")


@pytest.mark.parametrize("make", [tar, zipped])
def test_a_bomb_is_refused(make: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "CHUNK", 1 << 12)
    archive = make(tmp_path / "archive", {"bomb": bytes(1 << 22)})
    with pytest.raises(InputError, match="holds more than 200 times its size"):
        unpack([archive], tmp_path / "out")
    assert set(read(tmp_path)) == {"archive"}


@pytest.mark.parametrize("make", [tar, zipped])
def test_a_cut_or_damaged_archive_is_one_line(make: Callable, tmp_path: Path) -> None:
    content = make(tmp_path / "archive").read_bytes()
    damaged = content[:60] + bytes(40) + content[100:]
    for bad in (content[: len(content) // 2], damaged, b"<html>not found</html>", b""):
        (tmp_path / "archive").write_bytes(bad)
        with pytest.raises(InputError, match=r"archive: is damaged or not an archive") as caught:
            unpack([tmp_path / "archive"], tmp_path / "out")
        assert "\n" not in str(caught.value)


def test_a_password_opens_a_zip(tmp_path: Path) -> None:
    locked = encrypted(tmp_path / "locked.zip", "secret.txt", b"poses", b"token")
    assert unpack([locked], tmp_path / "out", password="token") == 1
    assert read(tmp_path / "out") == {"secret.txt": b"poses"}
    for password in (None, "guess"):
        with pytest.raises(InputError, match="password"):
            unpack([locked], tmp_path / "other", password=password)
    assert not read(tmp_path / "other") if (tmp_path / "other").exists() else True


def encrypted(path: Path, name: str, content: bytes, password: bytes) -> Path:
    """A zip as `zip -P` locks it: the standard library reads these and cannot write them."""
    table = [_crc_step(i) for i in range(256)]

    def crc(value: int, byte: int) -> int:
        return (value >> 8) ^ table[(value ^ byte) & 0xFF]

    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    def lock(byte: int) -> int:
        mask = keys[2] | 2
        locked = byte ^ (((mask * (mask ^ 1)) >> 8) & 0xFF)
        update(byte)
        return locked

    for byte in password:
        update(byte)
    info = zipfile.ZipInfo(name)
    checksum = zipfile.crc32(content)
    body = bytes(lock(byte) for byte in bytes(11) + bytes([checksum >> 24]) + content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, body)
    raw = bytearray(path.read_bytes())
    local, central = 0, raw.index(b"PK\x01\x02")
    for start, offset in ((local, 6), (central, 8)):
        raw[start + offset] |= 1
        raw[start + offset + 8 : start + offset + 12] = checksum.to_bytes(4, "little")
        raw[start + offset + 16 : start + offset + 20] = len(content).to_bytes(4, "little")
    path.write_bytes(raw)
    return path


def _crc_step(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
    return value


def test_a_full_disk_is_one_line_and_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tar(tmp_path / "archive")
    real = Path.replace

    def full(path: Path, target: Path) -> Path:
        if target.name == "two.bin":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match=r"out: cannot be written \(No space left on device\); free the disk"):
        unpack([archive], tmp_path / "out")
    assert set(read(tmp_path / "out")) == {"a/one.txt"}


PACKED = {
    "zip": zipped,
    "stored": lambda path: zipped(path, stored=True),
    "tar.gz": tar,
    "tar.xz": lambda path: tar(path, mode="w:xz"),
    "tar.bz2": lambda path: tar(path, mode="w:bz2"),
}


@pytest.mark.parametrize("form", PACKED)
def test_one_wrong_byte_anywhere_is_noticed(form: str, tmp_path: Path) -> None:
    """Whatever byte is wrong, the files come out as they were or not at all, and every complaint is one line."""
    archive, out = PACKED[form](tmp_path / "archive"), tmp_path / "out"
    content = archive.read_bytes()
    complaints = []
    for place in {*range(0, len(content), max(1, len(content) // 150)), *range(len(content) - 250, len(content))}:
        archive.write_bytes(flipped(content, place))
        try:
            unpack([archive], out)
        except InputError as error:
            complaints.append(str(error))
        assert all(content in FILES.values() for content in read(out).values()), place
        shutil.rmtree(out, ignore_errors=True)
    assert len(complaints) > 100  # not: a date, an attribute
    assert all(text.startswith(f"{archive}: ") and "\n" not in text for text in complaints)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def test_a_damaged_header_does_not_end_a_tar(tmp_path: Path) -> None:
    """The standard library takes it for the archive's end, and the rest is lost without a word."""
    archive = tar(tmp_path / "archive", mode="w")
    content = archive.read_bytes()
    place = content.index(b"a/b/two.bin")
    archive.write_bytes(flipped(content, place))
    with pytest.raises(InputError, match=rf"is damaged or not an archive \(bad checksum at byte {place}\)"):
        unpack([archive], tmp_path / "out")


@pytest.mark.parametrize("left", ["a/b/two.bin", "three"])
def test_a_tar_that_is_cut_between_two_files_is_noticed(left: str, tmp_path: Path) -> None:
    archive = tar(tmp_path / "archive", mode="w")
    content = archive.read_bytes()
    archive.write_bytes(content[: content.index(left.encode())])
    with pytest.raises(InputError, match="is damaged or not an archive"):
        unpack([archive], tmp_path / "out")


CLUTTER = (
    "__MACOSX/a/._one.txt", "._three", "a/.DS_Store", "a/Thumbs.db", "a/desktop.ini", "a/@eaDir/one.txt/SYNO",
    "a/.ipynb_checkpoints/one.txt", "./a/._one.txt", "a\\b\\._two.bin", "a/.~lock.one.txt#", "a/~$one.txt",
)  # fmt: skip


@pytest.mark.parametrize("make", [tar, zipped])
def test_what_systems_leave_beside_data_is_passed_over(make: Callable, tmp_path: Path) -> None:
    archive = make(tmp_path / "archive", dict.fromkeys(CLUTTER, b"\0\5\x16\7") | FILES)
    assert look_through(archive) == unpack([archive], tmp_path / "out") == len(FILES)
    assert read(tmp_path / "out") == FILES


def test_looking_through_reads_all_and_writes_nothing(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "archive")
    before = archive.read_bytes()
    assert look_through(archive, ["*.txt"]) == 1
    archive.write_bytes(flipped(before, before.index(b"one.txt") + 20))
    with pytest.raises(InputError, match="is damaged or not an archive"):
        look_through(archive, ["*.txt"])
    assert look_through(archive, ["*.bin"]) == 1  # nobody reads the other file
    locked = encrypted(tmp_path / "locked.zip", "secret.txt", b"poses", b"token")
    assert look_through(locked) == 1
    assert set(read(tmp_path)) == {"archive", "locked.zip"}
