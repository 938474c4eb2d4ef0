"""What surrounds every script: its log, its one line of complaint; the folders it writes to; the lint."""

import os
from pathlib import Path

import pytest

from base.errors import InputError
from workflow.commands.lint import DECIDED, complaints
from workflow.folders import check_folders
from workflow.scripting import logged


def test_what_a_script_prints_goes_to_its_log(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with logged(tmp_path / "log"):
        print("epoch 1")
    assert (tmp_path / "log").read_text() == "epoch 1\n"
    assert capsys.readouterr() == ("", "")


def script_that_fails(log: Path, error: Exception) -> None:
    with logged(log):
        print("epoch 1")
        raise error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("joints.npy: truncated; prepare again"), "error: joints.npy: truncated; prepare again"),
        (OSError(28, "No space left on device", "w.npz"), "error: [Errno 28] No space left on device: 'w.npz'"),
    ],
)
def test_bad_input_ends_a_script_in_one_line(tmp_path: Path, error: Exception, line: str) -> None:
    with pytest.raises(SystemExit) as ended:
        script_that_fails(tmp_path / "log", error)
    assert ended.value.code == line  # Python prints it and ends with status 1
    assert (tmp_path / "log").read_text() == f"epoch 1\n{line}\n"


def test_a_programming_error_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        script_that_fails(tmp_path / "log", ZeroDivisionError("a mistake of ours"))
    text = (tmp_path / "log").read_text()
    assert text.startswith("epoch 1\nTraceback")
    assert text.endswith("ZeroDivisionError: a mistake of ours\n")


def test_folders_that_can_be_made_or_written_pass(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    check_folders(tmp_path / "there", tmp_path / "not/yet/there")
    assert not (tmp_path / "not").exists()


def test_what_is_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for name in ("file", "link"):
        with pytest.raises(InputError, match=f"{name}: is not a folder"):
            check_folders(tmp_path, tmp_path / name / "below")


def test_a_read_only_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # permissions do not bind root
    with pytest.raises(InputError, match="cannot be written; fix its permissions"):
        check_folders(tmp_path / "results")


REPORT = f"""Lints for rule table (line 1, workflow/rules/report.smk):
    * {DECIDED}:
      A long explanation
      of two lines.
    * No log directive defined:
      Without a log directive, all output will be printed.

Lints for rule figure (line 20, workflow/rules/report.smk):
    * {DECIDED}:
      A long explanation.
"""


def test_lint_keeps_every_complaint_but_the_one_decided_against() -> None:
    found = complaints(REPORT)
    assert len(found) == 1
    assert found[0].startswith("* No log directive defined:")
    assert complaints("Congratulations, your workflow is in a good condition!") == []
