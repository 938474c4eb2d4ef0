"""What others made is read however they wrote it, and what their systems left beside it is passed over."""

from pathlib import Path, PurePosixPath

import pytest

from base.foreign import data_files, is_clutter, read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text_is_read_however_it_was_written(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Gänge 1\r\n".encode(encoding))
    assert read_text(tmp_path / "a.txt", "") == "Gänge 1\r\n"


def test_clutter_is_told_from_data(tmp_path: Path) -> None:
    clutter = [
        "._a.json",
        ".DS_Store",
        "__MACOSX/a.json",
        "b/Thumbs.db",
        "b/@eaDir/a.json",
        ".ipynb_checkpoints/a.json",
    ]
    clutter += ["b/desktop.ini", "b/.~lock.a.json#", "b/~$a.json", "$RECYCLE.BIN/a.json", "lost+found/a.json"]
    data = ["a.json", "b/a.json", "Goalkeeper_Training_Day_@_7/00001.png", "b/a~1.json"]
    for name in clutter + data:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in data_files(tmp_path, "**/*") if path.is_file()]
    assert found == sorted(data)
    assert [name for name in clutter + data if is_clutter(PurePosixPath(name))] == clutter
    assert not is_clutter(PurePosixPath("./a/../b.json"))
    hidden = tmp_path / ".cache"  # where the data lie is nobody's business
    hidden.mkdir()
    (hidden / "a.json").touch()
    assert data_files(hidden, "*.json") == [hidden / "a.json"]
