"""Verdicts: the four words, and the reasons that go with them."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import ROOT
from reports.measurements import Choice, Summary, read_measurements
from reports.tables.causes import CUT, DIVIDED, EXACT, HALVED, NO_RULE, OTHER, Rule, cause_of, rules_that_fit
from reports.tables.cell import Cell, count_causes
from reports.tables.judge import judge_studies
from reports.tables.layout import make_view
from reports.tables.numbers import Numbers
from reports.tables.verdicts import NO_MODEL, judge_accuracy, judge_efficiency, judge_missing
from studies.load import load_study, study_names
from studies.places import KEPT_COUNTS
from studies.printed import parse_printed
from studies.scales import scale_named, scale_names

SASMAMBA = {Rule("paper"): 2_603_918_016.0, Rule("true"): 4_120_424_640.0}  # MACs of a clip


def test_counts_are_judged_by_their_printed_digits():
    printed = parse_printed("3.587 G")
    assert judge_efficiency(printed, 3_587_426_496, "paper", []).verdict == "reproduced"
    assert judge_efficiency(printed, 6_526_319_040, "true", []).verdict == "differs"


def test_sasmambas_halved_macs_are_named():
    printed = parse_printed("1.3 G")
    rules = rules_that_fit(printed, SASMAMBA, "paper")
    assert list(map(str, rules)) == ["paper/2"]
    verdict = judge_efficiency(printed, SASMAMBA[Rule("paper")], "paper", rules)
    assert verdict.verdict == "differs"
    assert "`paper/2`" in verdict.why


# What gives the printed digits of every printed cost that ours do not give, in the order of the tables.
CAUSES_OF_COSTS = {
    CUT: """posemamba/table1/mhformer/macs posemamba/table1/mixste/params posemamba/table1/stcformer/macs_frame
        posemamba/table1/stcformer-l/macs_frame posemamba/table1/gla-gcn/macs sasmamba/main/stcformer/macs_frame
        sasmamba/main/gla-gcn/macs sasmamba/main/motionagformer-xs/macs_frame sasmamba/main/mixste/params
        sasmamba/main/poseformerv2/params sasmamba/main/poseformerv2/macs_frame
        sasmamba/main/motionagformer-b/macs_frame""",
    DIVIDED: """posemamba/table1/p-stmo/macs_frame posemamba/table1/stridedformer/macs_frame
        posemamba/table1/einfalt/macs_frame posemamba/table1/poseformerv2/macs_frame
        posemamba/table1/gla-gcn/macs_frame sasmamba/main/p-stmo/macs_frame sasmamba/main/gla-gcn/macs_frame""",
    HALVED: """sasmamba/main/sasmamba/macs sasmamba/main/sasmamba/macs_frame sasmamba/main/ktpformer/macs
        sasmamba/main/ktpformer/macs_frame sasmamba/main/sasmamba-large/macs_frame""",
    OTHER: """posemamba/table1/einfalt/params sasmamba/main/hgmamba-xs/params sasmamba/main/hgmamba-xs/macs
        sasmamba/main/hgmamba-xs/macs_frame sasmamba/main/hgmamba-s/params sasmamba/main/hgmamba-s/macs
        sasmamba/main/hgmamba-s/macs_frame sasmamba/main/sasmamba/params""",
    NO_RULE: """glsmamba/resolution/glsmamba-blr/params glsmamba/resolution/trans-nr/macs
        sasmamba/main/poseformerv2/macs sasmamba/main/sasmamba-large/macs""",
}


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    """Cells of printed costs in all studies, judged by the counts that are kept."""
    path = tmp_path_factory.mktemp("kept") / "measurements.csv"
    pd.read_csv(ROOT / KEPT_COUNTS, dtype=str, keep_default_na=False).drop(columns="key").to_csv(path, index=False)
    numbers = Numbers(read_measurements(path), Choice("quick", "synthetic"))
    cells = judge_studies(map(load_study, study_names()), numbers)
    return [cell for cell in cells if cell.is_judged and cell.kind == "efficiency"]


def test_every_printed_cost_has_its_cause(costs: list[Cell]):
    assert count_causes(costs) == {EXACT: 131, CUT: 12, DIVIDED: 7, HALVED: 5, OTHER: 8, NO_RULE: 4}
    assert len(costs) == 177
    for cause, claims in CAUSES_OF_COSTS.items():
        assert {cell.claim for cell in costs if cell.cause == cause} == set(claims.split()), cause
    assert {cell.verdict for cell in costs if cell.cause == EXACT} == {"reproduced"}
    assert {cell.verdict for cell in costs if cell.cause not in ("", EXACT)} == {"differs"}
    assert {cell.why for cell in costs if not cell.cause} == {"no code of it could be had"}


def test_a_digit_cut_off_does_not_look_like_a_factor_of_243(costs: list[Cell]):
    study = load_study("posemamba")
    table = study.table("table1")
    own = [cell for cell in costs if (cell.study, cell.table) == ("posemamba", "table1")]
    shown = {cell.claim: cell for _, rows in make_view(study, table, own, Choice("quick", "synthetic")).sections
             for row in rows for cell in row.cells}  # fmt: skip
    p_stmo, mhformer = (shown[f"posemamba/table1/{place}"] for place in ("p-stmo/macs_frame", "mhformer/macs"))
    assert (p_stmo.symbol, p_stmo.word, p_stmo.factor, p_stmo.difference) == ("÷T", "divided by T", "×247", "")
    assert (mhformer.symbol, mhformer.word, mhformer.factor, mhformer.difference) == ("cut", "cut off", "", "")


@given(st.floats(0.5, 1e12, allow_nan=False))
def test_an_own_convention_that_agrees_is_never_listed_as_another(value):
    printed = parse_printed(f"{value / 1e6:.3f} M")
    rules = rules_that_fit(printed, {Rule("paper"): value}, "paper")
    assert Rule("paper") not in rules
    assert cause_of(printed, value, rules, "paper") == EXACT


@pytest.mark.parametrize(
    ("scale", "dataset", "mean", "verdict"),
    [
        ("quick", "synthetic", 41.8, "not comparable"),
        ("open", "cmu", 41.8, "not comparable"),
        ("paper", "cmu", 41.8, "not comparable"),
        ("paper", "human36m", 42.2, "reproduced"),
        ("paper", "human36m", 42.4, "differs"),
    ],
)
def test_only_the_papers_scale_and_data_are_compared(scale, dataset, mean, verdict):
    judged = judge_accuracy(parse_printed("41.8", "mm"), Summary(3, mean), scale, "human36m", dataset)
    assert judged.verdict == verdict


def test_reasons_say_what_is_missing():
    printed = parse_printed("41.8", "mm")
    quick = judge_accuracy(printed, Summary(3, 70.0), "quick", "human36m", "synthetic")
    assert quick.why == "scale quick: a shrunken network on synthetic motion; the printed number is for Human3.6M"
    assert judge_missing(printed, NO_MODEL) == ("not run", "no implementation yet", "no implementation")
    assert judge_missing(None, NO_MODEL).why.endswith("the paper prints no value")


@pytest.mark.parametrize("scale", scale_names())
def test_every_scale_has_its_words(scale):
    judged = judge_accuracy(parse_printed("41.8", "mm"), Summary(3, 41.8), scale, "human36m", "cmu")
    said = rf"scale {scale}(: .*cmu motion.*|, but cmu motion); the printed number is for Human3\.6M"
    assert re.fullmatch(said, judged.why)
    assert scale_named(scale).meaning
