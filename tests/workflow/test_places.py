"""Wherever the checkout lies and whatever surrounds it, it runs, or the first command says in one line what to do."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from checkout import Checkout, only_error

from base.errors import InputError
from studies.places import WRITTEN
from workflow import place
from workflow.commands import doctor
from workflow.folders import check_folders

BASE = Path(sys.base_prefix, "bin/python3")
PACKAGES = sysconfig.get_path("purelib")
# A Python for `make` that looks at places as any other does, and tells of an environment instead of making it.
FAKE_PYTHON = f'#!/bin/sh\ncase "$*" in "-m venv"*) echo "makes $4"; exit 3;; esac\nexec {BASE} "$@"\n'
NASTY = "a b'c\"d$HOME;e&{f}%g#h*[i]ü"


def environment(folder: Path, code: Path) -> Path:
    """A small environment in a checkout: today's packages and the code of one checkout, marked as ready."""
    subprocess.run([BASE, "-m", "venv", "--without-pip", folder], check=True)
    (folder / f"lib/python3.{sys.version_info.minor}/site-packages/all.pth").write_text(f"{PACKAGES}\n{code}\n")
    (folder / ".ready").touch()
    return folder


def make(checkout: Checkout, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """`make` with the checkout's own environment, as a user runs it, but unable to install anything."""
    python = checkout.folder.with_name("python")
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE", "MAKE", "PYTHON"))}
    return subprocess.run(["make", f"PYTHON={python}", *arguments], cwd=checkout.folder, env=kept | changes, text=True,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


@pytest.fixture
def ready(checkout: Checkout) -> Checkout:
    """A copy with an environment of its own."""
    environment(checkout / ".venv", checkout.folder)
    return checkout


# ---- the path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["my dir", NASTY])
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    checkout = Checkout(tmp_path / name / "ssmpose")
    environment(checkout / ".venv", checkout.folder)
    command = [".venv/bin/python", "-m", "snakemake", "--cores", "1", "results/efficiency/scan_orders.npz"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE", "PYTHON"))}
    done = subprocess.run(command, cwd=checkout.folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (checkout / "results/efficiency/scan_orders.npz").is_file()


def test_an_environment_elsewhere_that_snakemake_cannot_call_is_named(checkout: Checkout, tmp_path: Path) -> None:
    elsewhere = environment(tmp_path / "my envs/one", checkout.folder)
    line = only_error(checkout.run(elsewhere / "bin/python", "-m", "snakemake", "--cores", "1", "-n"))
    assert "my envs/one/bin/python: Snakemake cannot call a Python in a path with blanks" in line
    assert not (checkout / "results").exists()


def test_a_path_that_holds_the_separator_of_paths_is_refused(tmp_path: Path) -> None:
    told = place.obstacle(tmp_path / "a:b/.venv", tmp_path)
    assert "a:b/.venv: no environment can be made in a path with ':'" in told


# ---- the environment


def test_a_sound_environment_is_left_alone(ready: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    done = make(ready, "env")
    assert (done.returncode, done.stdout) == (0, "")
    monkeypatch.chdir(ready.folder)
    assert doctor._broken(Path(".venv")) is None


@pytest.mark.parametrize("way", [shutil.move, shutil.copytree])
def test_a_checkout_that_was_moved_or_copied_gets_its_environment_anew(ready: Checkout, way: object) -> None:
    other = ready.folder.with_name("other")
    if way is shutil.copytree:
        shutil.copytree(ready.folder, other, symlinks=True)
    else:
        shutil.move(ready.folder, other)
    old, ready.folder = ready.folder, other
    done = make(ready, "plan")
    assert done.returncode
    why = f"runs the code of {old}" if way is shutil.copytree else "does not find this checkout, which was moved"
    assert f"setting up .venv, which {why} (" in done.stdout
    assert "makes .venv" in done.stdout
    assert "not found" not in done.stdout


def break_python(venv: Path) -> None:
    for link in (venv / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/removed/python3.11")


def lose_packages(venv: Path) -> None:
    next(venv.glob("lib/*/site-packages/all.pth")).write_text(f"{venv.parent}\n")


def other_version(venv: Path) -> None:
    library = next(venv.glob("lib/python3*"))
    library.rename(library.with_name("python3.9"))  # python3 is another one since


BREAKAGES = {
    "half made": lambda venv: (venv / ".ready").unlink(),
    "out of date": lambda venv: os.utime(venv / ".ready", (0, 0)),
    "python removed": break_python,
    "packages removed": lose_packages,
    "another version": other_version,
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_an_environment_that_does_not_work_any_more_is_made_anew(
    ready: Checkout, breakage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    BREAKAGES[breakage](ready / ".venv")
    done = make(ready, "plan")
    assert "makes .venv" in done.stdout, done.stdout
    assert "Traceback" not in done.stdout
    monkeypatch.chdir(ready.folder)
    assert doctor._broken(Path(".venv")).endswith("`make env` makes it anew")


def test_what_a_link_leads_to_is_never_cleared(
    ready: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shutil.move(ready / ".venv", shared)
    (ready / ".venv").symlink_to(shared)
    assert make(ready, "env").returncode == 0  # it works, so it may be used
    os.utime(shared / ".ready", (0, 0))
    before = sorted(shared.rglob("*"))
    line = only_error(make(ready, "plan"))
    assert f".venv: is a link to {shared} that does not work here (is older than requirements.txt)" in line
    assert line.endswith("remove the link: rm .venv")
    assert sorted(shared.rglob("*")) == before
    monkeypatch.chdir(ready.folder)
    assert doctor._broken(Path(".venv")).endswith("remove the link: rm .venv")


def test_an_environment_of_another_clone_is_refused_by_its_code(ready: Checkout, tmp_path: Path) -> None:
    shared = environment(tmp_path / "shared", tmp_path)
    (tmp_path / "base").mkdir()
    (tmp_path / "base/__init__.py").touch()
    shutil.rmtree(ready / ".venv")
    (ready / ".venv").symlink_to(shared)
    assert f"(runs the code of {tmp_path})" in only_error(make(ready, "plan"))
    assert (shared / ".ready").is_file()


@pytest.mark.parametrize("name", ["elsewhere", "docs"])
def test_a_folder_that_is_no_environment_is_never_cleared(checkout: Checkout, tmp_path: Path, name: str) -> None:
    folder = checkout / "docs" if name == "docs" else tmp_path / name
    folder.mkdir(exist_ok=True)
    (folder / "thesis.tex").touch()
    line = only_error(make(checkout, "plan", f"VENV={folder}"))
    assert f"{folder}: " in line
    assert "name another place: make VENV=..." in line
    assert (folder / "thesis.tex").is_file()


@pytest.mark.parametrize(
    ("name", "words"),
    [("no-such-python", "no-such-python not found; install Python 3.11"), ("/bin/false", None)],
)
def test_without_a_python_the_first_command_says_so(checkout: Checkout, name: str, words: str | None) -> None:
    done = make(checkout, "plan", f"PYTHON={name}")
    assert done.returncode
    assert words is None or f"error: {words}" in done.stdout
    assert not (checkout / ".venv").exists()


def test_reasons_for_which_no_environment_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = tmp_path / ".venv"
    assert place.obstacle(venv, tmp_path) is None
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 2**30))
        assert "has less than 3 GiB free" in place.obstacle(venv, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(place, "find_spec", lambda name: None if name == "ensurepip" else name)
        assert "Debian: python3.11-venv" in place.obstacle(venv, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)  # root may write everywhere
        assert f"{tmp_path}: cannot be written" in place.obstacle(venv, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 10, 0))
        assert "is too old" in place.obstacle(venv, tmp_path)
    venv.touch()
    assert ".venv: is not a folder" in place.obstacle(venv, tmp_path)


# ---- what is cleared


def test_clean_removes_what_is_inside_and_nothing_that_a_link_leads_to(ready: Checkout, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    for name in ("results/runs", "data/prepared/set", "data/raw/set"):
        (disk / name).mkdir(parents=True)
    (ready / "results").symlink_to(disk / "results")
    (ready / "data").symlink_to(disk / "data")
    (ready / ".snakemake/locks").mkdir(parents=True)
    done = make(ready, "clean")
    assert done.returncode == 0, done.stdout
    assert f"results is outside of this checkout and stays: {disk / 'results'}" in done.stdout
    assert f"data/prepared is outside of this checkout and stays: {disk / 'data/prepared'}" in done.stdout
    assert (disk / "results/runs").is_dir()
    assert (disk / "data/prepared/set").is_dir()
    assert not (ready / ".snakemake").exists()
    assert not (ready / ".venv").exists()


def test_clean_removes_everything_where_nothing_is_a_link(ready: Checkout) -> None:
    for name in ("results/runs", "data/prepared/set", "data/raw/set"):
        (ready / name).mkdir(parents=True)
    assert make(ready, "clean").stdout == ""
    assert not (ready / "results").exists()
    assert [p.name for p in (ready / "data").iterdir()] == ["raw"]


# ---- home, temporary files, permissions


def asked(checkout: Checkout, variable: str, **changes: str) -> str:
    """What a command of `make` has in a variable of its environment."""
    python = checkout / ".venv/bin/python"
    python.unlink()
    python.write_text(f'#!/bin/sh\ncase "$*" in *doctor*) echo "${variable}";; esac\n')
    python.chmod(0o755)
    return make(checkout, "doctor", **changes).stdout.strip()


@pytest.mark.parametrize("home", ["/dev/null", "/nonexistent", ""])
@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "SSMPOSE_CACHE", "MPLCONFIGDIR"])
def test_caches_are_kept_in_the_checkout_where_there_is_no_home(ready: Checkout, home: str, variable: str) -> None:
    kept = asked(ready, variable, HOME=home)
    assert kept.startswith(f"{ready.folder}/.cache")
    assert not Path("/nonexistent").exists()


def test_a_cache_that_the_user_names_stays(ready: Checkout, tmp_path: Path) -> None:
    assert asked(ready, "SSMPOSE_CACHE", HOME="/nonexistent", SSMPOSE_CACHE=str(tmp_path)) == str(tmp_path)


def test_a_home_that_can_be_written_is_used(ready: Checkout, tmp_path: Path) -> None:
    assert asked(ready, "XDG_CACHE_HOME", HOME=str(tmp_path)) == ""


def test_the_doctor_says_where_caches_and_temporary_files_cannot_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setattr(tempfile, "tempdir", None)
    told = {finding.what: finding for finding in doctor._caches()}
    assert "the home folder cannot be written" in told["home"].says
    assert "TMPDIR=/nonexistent cannot be written; they go to /" in told["temporary files"].says
    monkeypatch.setattr(doctor, "temporary_folder", lambda: None)
    assert {f.what: f.state for f in doctor._caches()}["temporary files"] == "WRONG"


@pytest.mark.parametrize("folder", [".snakemake/metadata", "results/logs"])
def test_a_folder_within_that_another_user_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(folder).mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != Path(folder))  # root may write everywhere
    with pytest.raises(InputError, match=f"{folder}: cannot be written"):
        check_folders(*WRITTEN)


# ---- where make is called


def test_make_from_another_folder(ready: Checkout, tmp_path: Path) -> None:
    def from_there(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["make", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert from_there("-C", ready.folder, "env").returncode == 0
    wrong = from_there("-f", ready / "Makefile")
    assert wrong.returncode
    assert f"this folder is not a checkout; run `make -C {ready.folder}/`" in wrong.stderr
    assert not (tmp_path / ".venv").exists()
