"""All the papers' data: what may be fetched is, the rest is a list that a person can follow."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from datasets.fetching.sources import catalogue
from datasets.fetching.todo import get_data
from studies.benchmarks import BENCHMARKS


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "open.bin").write_bytes(b"open")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("labels/val.json", "{}")
        archive.writestr("readme.txt", "not wanted")
    (folder / "labels.zip").write_bytes(content.getvalue())
    return folder


@pytest.fixture
def entries(tmp_path: Path, mirror: Path) -> Path:
    """Two ways to one data set: one by hand, one to be fetched once its terms are accepted; both need an open file."""
    common = {"benchmark": "jhmdb", "folder": "jhmdb", "home": "http://example.org", "licence": "Be good."}
    facts = {"size": None, "sha256": None}
    text = {
        "open": common | {"title": "Open", "base_url": mirror.as_uri(), "accept": False, "files": {"open.bin": facts}},
        "by-hand": common
        | {"title": "By hand", "kind": "manual", "way": "hand", "accept": False, "steps": "Ask for it.",
           "files": {"asked.mat": facts | {"reported": "md5 900150983cd24fb0d6963f7d28e17f72"}}},
        "labels": common
        | {"title": "Labels", "base_url": mirror.as_uri(), "way": "fetched", "accept": True,
           "files": {"labels.zip": facts}, "unpack": [{"files": "labels.zip", "keep": ["*.json"]}]},
    }  # fmt: skip
    path = tmp_path / "catalogue.yaml"
    path.write_text(json.dumps(text))
    return path


def test_a_list_of_what_a_person_has_to_do(entries: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    raw = tmp_path / "raw"
    assert get_data(["jhmdb"], raw, {}, entries) == ["jhmdb"]
    said = capsys.readouterr().out
    for words in (
        "Sub-JHMDB: TO DO, one of 2 ways",
        "[x] Open",
        "[ ] By hand",
        "By hand, from http://example.org: Ask for it.",
        f"-> {raw}/jhmdb/asked.mat (third parties report md5",
        "To accept these terms: sources.labels.accept: true in config.yaml",
    ):
        assert words in said
    assert (raw / "jhmdb/open.bin").read_bytes() == b"open"
    assert not (raw / "jhmdb/labels.zip").exists()


def test_accepted_terms_complete_a_way(entries: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    accepted = {"labels": {"accept": True}}
    assert get_data(["jhmdb"], tmp_path / "raw", accepted, entries) == []
    assert "Sub-JHMDB: there (fetched)" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "raw/jhmdb").rglob("*.*") if p.is_file() and p.name[0] != ".") == [
        "labels.zip", "open.bin", "val.json",
    ]  # fmt: skip
    before = (tmp_path / "raw/jhmdb/labels/val.json").stat().st_mtime_ns
    assert get_data(["jhmdb"], tmp_path / "raw", accepted, entries) == []
    assert (tmp_path / "raw/jhmdb/labels/val.json").stat().st_mtime_ns == before


def test_a_file_that_was_placed_by_hand_completes_the_other(
    entries: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "raw/jhmdb").mkdir(parents=True)
    (tmp_path / "raw/jhmdb/asked.mat").write_bytes(b"abc")
    assert get_data(["jhmdb"], tmp_path / "raw", {}, entries) == []
    assert "asked.mat: md5 as third parties report" in capsys.readouterr().out
    (tmp_path / "raw/jhmdb/asked.mat").write_bytes(b"")
    assert get_data(["jhmdb"], tmp_path / "raw", {}, entries) == ["jhmdb"]


@pytest.mark.parametrize("keep", [None, ["*.mat"]])
def test_an_archive_without_the_wanted_files_is_named(
    keep: list[str] | None, entries: Path, mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with zipfile.ZipFile(mirror / "labels.zip", "w") as archive:
        archive.writestr("folder/", "")
    text = json.loads(entries.read_text(encoding="utf-8"))
    text["labels"]["unpack"] = [{"files": "labels.zip"} | ({"keep": keep} if keep else {})]
    entries.write_text(json.dumps(text), encoding="utf-8")
    assert get_data(["jhmdb"], tmp_path / "raw", {"labels": {"accept": True}}, entries) == ["jhmdb"]
    assert f"labels.zip: holds none of {(keep or ['*'])[0]}; is it the right file?" in capsys.readouterr().err


def test_what_cannot_be_fetched_is_said_and_stays_on_the_list(
    entries: Path, mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (mirror / "labels.zip").write_bytes(b"<html>moved</html>")
    assert get_data(["jhmdb"], tmp_path / "raw", {"labels": {"accept": True}}, entries) == ["jhmdb"]
    found = capsys.readouterr()
    assert "labels.zip: is damaged or not an archive" in found.err
    assert "[ ] Labels" in found.out


def test_the_catalogue_covers_all_data_sets_of_the_papers() -> None:
    entries = catalogue()
    assert {entry.benchmark for entry in entries.values()} - {""} == set(BENCHMARKS)
    for entry in entries.values():
        assert entry.kind in ("auto", "token", "manual")
        assert (entry.kind == "manual") == (not entry.base_url) == bool(entry.steps)
        assert (entry.kind == "token") == bool(entry.token)
        assert entry.licence
        assert entry.files
