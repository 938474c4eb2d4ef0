"""docs/add-a-model.md, followed word by word: one file, one entry, one row, and the model is everywhere."""

import re
import shutil

import pandas as pd
import pytest
from checkout import ROOT, Checkout
from pages import blocks

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/add-a-model.md"
NAME, REPORT = "temporal-convolution", "results/quick/synthetic"
LAST_ROW = "      - {id: einfalt, label: Einfalt et al., variant: einfalt-81, recipe: equal, section: One frame out}\n"


@pytest.fixture(scope="module")
def followed(measured_checkout) -> Checkout:
    """A copy with the page's three blocks in place, and its own study and figures made."""
    checkout = measured_checkout()
    (model, code), (variants, entry), (place, row) = blocks(PAGE)
    assert (place, variants) == ("rows", "studies/variants.yaml")
    (checkout / model).write_text(code, encoding="utf-8")
    with (checkout / variants).open("a", encoding="utf-8") as file:
        file.write("\n" + entry)
    study = checkout / "studies/equal-terms.yaml"
    text = study.read_text(encoding="utf-8")
    assert text.count(LAST_ROW) == 1
    study.write_text(text.replace(LAST_ROW, LAST_ROW + row), encoding="utf-8")
    checkout.configure(lambda config: config.update(studies=["equal-terms"], variants=["mean-pose", NAME]))
    result = checkout.snakemake()
    assert result.returncode == 0, result.stdout
    return checkout


def test_the_example_is_clean_by_our_own_rules(followed: Checkout) -> None:
    file = followed / blocks(PAGE)[0][0]
    for command in (("check",), ("format", "--check")):
        result = followed.python("-m", "ruff", *command, str(file))
        assert result.returncode == 0, result.stdout


def test_it_stands_in_the_table_with_counts_and_errors(followed: Checkout) -> None:
    cells = pd.read_csv(followed / f"{REPORT}/tables/equal-terms-leaderboard.csv").set_index(["row", "column"])
    mine = cells.loc[NAME]
    width, inputs, outputs, frames = 512, 34, 51, 81
    weights = 3 * (inputs * width + 3 * width * width) + outputs * width
    assert mine.loc["params", "measured"] * 1e6 == pytest.approx(weights + 4 * width + outputs)
    assert mine.loc["macs_frame", "measured"] * 1e6 * frames == pytest.approx(frames * weights)
    assert mine.loc[["p1", "p2", "velocity"], "measured"].gt(0).all()


def test_it_is_in_the_figures_and_on_the_site(followed: Checkout) -> None:
    assert "Temporal convolution" in (followed / f"{REPORT}/figures/equal-terms-learning-curves.svg").read_text("utf-8")
    site = followed / f"{REPORT}/site"
    pages = sorted(path.name for path in (site / "runs").glob(f"*.{NAME}.*"))
    assert pages == [f"synthetic-sh-like.{NAME}.equal.html"]
    for page in ("equal-terms.html", "leaderboard.html"):
        assert pages[0] in (site / page).read_text(encoding="utf-8"), page
    for page in ("costs.html", "curves.html", "runs.html", "data/poses.js"):
        text = (site / page).read_text(encoding="utf-8")
        assert "Temporal convolution" in text or NAME in text, page


def test_the_gate_knows_it_as_new(followed: Checkout) -> None:
    shutil.copy(ROOT / "config.yaml", followed / "config.yaml")  # as committed, not the tests' own tiny one
    result = followed.python("-m", "workflow", "gate", "--fast", "network")
    assert result.returncode == 0, result.stdout
    assert re.search(rf"^new +network {NAME} output", result.stdout, flags=re.MULTILINE)
