"""Whatever is wrong with the input, the workflow says so in one line, fails, and leaves nothing half-written."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from checkout import Checkout, only_error

RUN = "results/runs/quick/synthetic-sh-like/mean-pose/baseline/seed0"
DATA = "data/prepared/synthetic-sh-like"
CONTENT = b"a file of a very small source\n"


@pytest.fixture(scope="module")
def shared_checkout(new_checkout: Callable[[], Checkout]) -> Checkout:
    """A copy for mistakes that end the workflow before it starts: nothing is written into it."""
    return new_checkout()


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("moton=cmu", "config.yaml: unknown key 'moton'; did you mean 'motion'?"),
        ("motion=cmus", "config.yaml: motion: unknown value 'cmus'; did you mean 'cmu'"),
        ("variants=posemamba-z", "variants: unknown variant 'posemamba-z'; did you mean 'posemamba-"),
        ("studies=posemama", "studies: unknown study 'posemama'; did you mean 'posemamba'?"),
        ("seeds=one", "config.yaml: seeds"),
        ("detector=cpn", "detector: 'cpn' is not for scale quick; say sh-like or hard"),
    ],
)
def test_a_mistake_in_a_choice_ends_in_one_line(shared_checkout: Checkout, mistake: str, words: str) -> None:
    assert words in only_error(shared_checkout.snakemake("--config", mistake))
    assert not (shared_checkout / "results").exists()
    assert not (shared_checkout / "data").exists()


@pytest.mark.parametrize("target", ["all", "plan"])
def test_make_passes_on_every_choice_that_it_is_given(shared_checkout: Checkout, target: str) -> None:
    line = only_error(shared_checkout.make(target, "moton=cmu"))
    assert line == "error: config.yaml: unknown key 'moton'; did you mean 'motion'?"


def test_a_preview_refuses_what_is_no_choice(shared_checkout: Checkout) -> None:
    assert "'quick': say key=value" in only_error(shared_checkout.python("-m", "workflow", "plan", "quick"))


def test_an_unknown_key_in_a_study_is_named_with_its_file(shared_checkout: Checkout) -> None:
    with shared_checkout.edited("studies/mini.yaml", "venue: null", "venu: null"):
        line = only_error(shared_checkout.snakemake())
    assert "studies/mini.yaml: unknown key 'venu'; did you mean 'venue'?" in line


def test_an_unknown_recipe_in_a_study_is_named(shared_checkout: Checkout) -> None:
    with shared_checkout.edited("studies/mini.yaml", "recipe: sasmamba, cells", "recipe: sasmambo, cells"):
        line = only_error(shared_checkout.snakemake())
    assert "'sasmambo'; did you mean 'sasmamba'?" in line


@pytest.mark.parametrize("folder", ["results", "data", ".snakemake"])
def test_a_folder_that_cannot_be_written_is_named_before_anything_starts(checkout: Checkout, folder: str) -> None:
    (checkout / folder).write_text("a file where the folder should be\n")
    assert f"error: {folder}: is not a folder" in only_error(checkout.snakemake())
    (checkout / folder).unlink()
    (checkout / folder).mkdir(mode=0o555)
    if os.geteuid():  # root may write all the same
        assert f"/{folder}: cannot be written" in only_error(checkout.snakemake())
    assert not any((checkout / other).exists() for other in {"results", "data"} - {folder})


@pytest.mark.slow
def test_truncated_data_fail_the_training_and_leave_no_result(checkout: Checkout) -> None:
    assert checkout.snakemake(DATA).returncode == 0
    joints = checkout / f"{DATA}/train/joints.npy"
    os.truncate(joints, joints.stat().st_size // 2)
    line = only_error(checkout.snakemake(f"{RUN}/run.json"))
    assert f"{DATA}/train/joints.npy: damaged or unreadable" in line
    assert "prepare the data set again" in line
    assert [p.name for p in (checkout / RUN).iterdir()] == ["train.log"]
    assert (checkout / f"{RUN}/train.log").read_text().splitlines()[-1] == line


@pytest.fixture
def small_source(checkout: Checkout, tmp_path: Path) -> Path:
    """Make `cmu` a source of one small file; the mirror that the copy's config names."""
    path, mirror = checkout / "datasets/catalogue.yaml", tmp_path / "mirror"
    catalogue = {"cmu": yaml.safe_load(path.read_text(encoding="utf-8"))["cmu"]}
    facts = {"size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    catalogue["cmu"] |= {"base_url": (tmp_path / "nowhere").as_uri(), "files": {"one.txt": facts}}
    path.write_text(yaml.safe_dump(catalogue), encoding="utf-8")
    checkout.configure(lambda config: config["sources"]["cmu"].update(mirror=mirror.as_uri()))
    mirror.mkdir()
    return mirror


def raw_files(checkout: Checkout) -> list[str]:
    return sorted(p.relative_to(checkout / "data/raw").as_posix() for p in (checkout / "data/raw").rglob("*.*"))


def test_a_wrong_checksum_is_refused_and_a_right_one_taken(checkout: Checkout, small_source: Path) -> None:
    (small_source / "one.txt").write_bytes(CONTENT.upper())
    line = only_error(checkout.snakemake("data/raw/cmu.fetched.json"))
    assert "one.txt cannot be fetched" in line
    assert f"{small_source.as_uri()}/one.txt: wrong sha256" in line
    assert "sources" in line
    assert raw_files(checkout) == []

    (small_source / "one.txt").write_bytes(CONTENT)
    result = checkout.snakemake("data/raw/cmu.fetched.json")
    assert result.returncode == 0, result.stdout
    assert raw_files(checkout) == ["cmu.fetched.json", "cmu.lock.json", "cmu/one.txt"]


def test_a_file_that_no_root_has_is_named_with_every_address(checkout: Checkout, small_source: Path) -> None:
    line = only_error(checkout.snakemake("data/raw/cmu.fetched.json"))
    assert f"{small_source.as_uri()}/one.txt" in line
    assert "nowhere/one.txt" in line
    assert raw_files(checkout) == []


def test_a_licence_that_was_not_accepted_stops_the_download(checkout: Checkout, small_source: Path) -> None:
    (small_source / "one.txt").write_bytes(CONTENT)
    with checkout.edited("datasets/catalogue.yaml", "accept: false", "accept: true"):
        line = only_error(checkout.snakemake("data/raw/cmu.fetched.json"))
        assert "sources.cmu.accept: read the licence" in line
        assert raw_files(checkout) == []
        checkout.configure(lambda config: config["sources"]["cmu"].update(accept=True))
        assert checkout.snakemake("data/raw/cmu.fetched.json").returncode == 0
