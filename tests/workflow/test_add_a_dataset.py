"""docs/add-a-dataset.md, followed word by word: one file, one line, and a third motion is everywhere."""

from collections.abc import Callable
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from checkout import ROOT, Checkout, only_error
from pages import blocks

from datasets.lifting import load

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/add-a-dataset.md"
NAME, RECORDED = "jumping-jacks", "recorded-jumps"
REPORT = f"results/quick/{NAME}"
MADE, DOWNLOADED = blocks(PAGE)[:2], blocks(PAGE)[2:]


def follow(checkout: Checkout, told: list[tuple[str, str]]) -> None:
    """Put each block where the page says: at the end of a YAML file, or as a file of its own."""
    for file, code in told:
        with (checkout / file).open("a", encoding="utf-8") as there:
            there.write(code)


@pytest.fixture(scope="module")
def followed(measured_checkout: Callable[[], Checkout]) -> Checkout:
    checkout = measured_checkout()
    follow(checkout, MADE)
    checkout.configure(lambda config: config.update(studies=["mini", "mini-video"], variants=["mean-pose", "mlp"]))
    exact = f"data/prepared/{NAME}-gt"  # no column of `mini` asks for it
    result = checkout.snakemake("all", exact, "--config", f"motion={NAME}")
    assert result.returncode == 0, result.stdout
    assert f"Look at {REPORT}/site/index.html" in result.stdout
    return checkout


def test_the_page_names_every_file_that_is_touched() -> None:
    assert [file for file, _ in MADE] == ["datasets/jumping_jacks.py", "datasets/motions.yaml"]
    assert [file for file, _ in DOWNLOADED] == [
        "datasets/catalogue.yaml", "datasets/motions.yaml", "datasets/recorded_jumps.py"
    ]  # fmt: skip


def test_the_examples_are_clean_by_our_own_rules(followed: Checkout) -> None:
    for file, code in [*MADE, *DOWNLOADED]:
        if file.endswith(".py"):
            path = followed / file
            path.write_text(code, encoding="utf-8")
            for command in (("check",), ("format", "--check")):
                result = followed.python("-m", "ruff", *command, str(path))
                assert result.returncode == 0, result.stdout


def test_what_is_prepared_is_what_the_page_says(followed: Checkout) -> None:
    for split, subjects in {"train": 4, "val": 1, "test": 2}.items():
        exact, noisy = (load(followed / f"data/prepared/{NAME}-{keys}/{split}") for keys in ("gt", "sh-like"))
        assert exact.joints.shape == (subjects * 4 * 120, 17, 3)
        assert exact.frames["subject"].nunique() == subjects
        np.testing.assert_array_equal(exact.joints, noisy.joints)
        limbs = np.linalg.norm(exact.joints[:, 2] - exact.joints[:, 1], axis=-1)  # 2.5D: near the thigh's 430 mm
        assert 300 < limbs.max() < 520
        assert 1 < np.abs(exact.keypoints[..., :2] - noisy.keypoints[..., :2]).mean() < 5
        assert exact.card.licence == "Apache-2.0"


def test_it_is_trained_on_and_tabled(followed: Checkout) -> None:
    cells = pd.read_csv(followed / f"{REPORT}/tables/mini-table1.csv").set_index(["row", "column"])
    run = followed / f"results/runs/quick/{NAME}-sh-like/mean-pose/baseline/seed0"
    prediction = np.load(run / "predictions.npz")["last/test/joints"]
    assert len(prediction) == 2 * 4 * 120
    for row in ("mean-pose", "mlp"):
        p1 = cells.loc[(row, "p1")]
        assert (p1["dataset"], p1["scale"]) == (f"{NAME}-sh-like", "quick")
        assert 10 < p1["measured"] < 1000  # millimetres
    assert cells.loc[("mlp", "params"), "measured"] > 0
    assert "has no split `new`" in cells.loc[("mlp", "p1_new"), "why"]


def test_columns_of_video_say_why_they_are_empty(followed: Checkout) -> None:
    cells = pd.read_csv(followed / f"{REPORT}/tables/mini-video-table1.csv").set_index(["row", "column"])
    assert cells.loc[("scans", "ap"), "why"].startswith("no video is rendered from this motion")
    assert cells.loc[("scans", "paper"), "why"] == "data needs registration"


def test_the_site_shows_it(followed: Checkout) -> None:
    site = followed / f"{REPORT}/site"
    assert f"{NAME} motion" in (site / "index.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in (site / "runs").glob("*.mlp.*")) == [f"{NAME}-sh-like.mlp.baseline.html"]


def test_a_motion_that_is_downloaded(measured_checkout: Callable[[], Checkout]) -> None:
    checkout = measured_checkout()
    follow(checkout, DOWNLOADED)
    mirror = checkout.folder.with_name("mirror")
    mirror.mkdir()
    pose = np.zeros((30, 17, 3))
    pose[:, [0, 7, 8, 9, 10], 2] = (0.95, 1.18, 1.42, 1.53, 1.65)
    np.savez(mirror / "takes.npz", train_1=pose, val_2=pose, test_3=pose)
    checkout.configure(lambda config: config["sources"].update({RECORDED: {"mirror": str(mirror)}}))
    result = checkout.snakemake(f"data/prepared/{RECORDED}-gt", "--config", f"motion={RECORDED}")
    assert result.returncode == 0, result.stdout
    split = load(checkout / f"data/prepared/{RECORDED}-gt/test")
    assert split.frames["subject"].unique().tolist() == ["S03"]
    stored = (checkout / f"data/raw/{RECORDED}/takes.npz").read_bytes()
    assert split.card.sources[0].sha256 == {"takes.npz": sha256(stored).hexdigest()}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Jumps: {module: datasets.motion.cmu}", "Jumps: the name may hold small letters, digits and single hyphens"),
        ("video-a: {module: datasets.motion.cmu}", "video-a: the name begins like another kind of data set"),
        ("a: {module: datasets.cmus}", "a.module: datasets/cmus.py is no file"),
        ("a: {module: datasets.motion.cmu, source: cmuu}", "a.source: unknown source 'cmuu'; did you mean 'cmu'?"),
        ("a: {modul: datasets.motion.cmu}", "a: unknown key 'modul'; did you mean 'module'?"),
        ("cmu: {module: datasets.motion.cmu}", "key 'cmu' stands twice"),
    ],
)
def test_a_wrong_line_ends_in_one_line(checkout: Checkout, line: str, words: str) -> None:
    follow(checkout, [("datasets/motions.yaml", line + "\n")])
    error = only_error(checkout.snakemake("--dry-run"))
    assert error.startswith("error: datasets/motions.yaml: ")
    assert words in error


def test_a_motion_that_is_not_in_the_file_is_refused_with_the_nearest(checkout: Checkout) -> None:
    error = only_error(checkout.snakemake("--dry-run", "--config", "motion=synthetics"))
    assert error == "error: config.yaml: motion: unknown value 'synthetics'; did you mean 'synthetic'?"
