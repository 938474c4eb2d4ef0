"""Verdicts: the four words, and the reasons that go with them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.measurements import Summary
from reports.tables.verdicts import NO_MODEL, judge_accuracy, judge_efficiency, judge_missing, same_digits
from studies.printed import parse_printed
from studies.scales import scale_named, scale_names

SASMAMBA = {"paper": 2_603_918_016.0, "true": 4_120_424_640.0}  # MACs of a clip


def test_counts_are_judged_by_their_printed_digits():
    printed = parse_printed("3.587 G")
    assert judge_efficiency(printed, 3_587_426_496, "paper", []).verdict == "reproduced"
    assert judge_efficiency(printed, 6_526_319_040, "true", []).verdict == "differs"


def test_sasmambas_halved_macs_are_named():
    printed = parse_printed("1.3 G")
    same = same_digits(printed, SASMAMBA, "paper")
    assert same == ["paper/2"]
    verdict = judge_efficiency(printed, SASMAMBA["paper"], "paper", same)
    assert verdict.verdict == "differs"
    assert "`paper/2`" in verdict.why


@given(st.floats(0.5, 1e12, allow_nan=False))
def test_an_own_convention_that_agrees_is_never_listed_as_another(value):
    printed = parse_printed(f"{value / 1e6:.3f} M")
    assert "paper" not in same_digits(printed, {"paper": value}, "paper")


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
    assert quick.why == "scale quick: a shrunken net on synthetic motion; the printed number is for Human3.6M"
    assert judge_missing(printed, NO_MODEL) == ("not run", "no implementation yet", "no implementation")
    assert judge_missing(None, NO_MODEL).why.endswith("the paper prints no value")


@pytest.mark.parametrize("scale", scale_names())
def test_every_scale_has_its_words(scale):
    judged = judge_accuracy(parse_printed("41.8", "mm"), Summary(3, 41.8), scale, "human36m", "cmu")
    said = rf"scale {scale}(: .*cmu motion.*|, but cmu motion); the printed number is for Human3\.6M"
    assert re.fullmatch(said, judged.why)
    assert scale_named(scale).meaning
