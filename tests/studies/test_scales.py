"""Scales: a new one is an entry, what it leaves out is as the paper has it, and mistakes end in one line."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from base.errors import InputError
from studies import scales
from studies.config import read_config
from studies.data import Experiment
from studies.plan import make_plan
from studies.recipes import recipes
from studies.scales import Scale, scale_named
from studies.variants import pretraining, resolve_variants

WIDTHS = {"posemamba-s": 32, "posemamba-b": 48, "posemamba-x": 64, "mixste": 96, "mlp": 128}
NEW = {"like": "quick", "steps": 7, "video": {"draws": 1, "pretraining": {"steps": 9}}}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of scales with one more entry, `mini`."""
    path = tmp_path / "scales.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(scales.FILE.read_text()) | {"mini": NEW}))
    monkeypatch.setattr(scales, "FILE", path)
    monkeypatch.setattr(scales, "_written", scales._written.__wrapped__)
    return path


def test_a_new_scale_is_one_entry(written: Path) -> None:
    plan = make_plan(read_config(["scale=mini", "studies=posemamba,glsmamba", "variants=all"]))
    lifted = plan.spec(Experiment.named("synthetic-gt", "mlp", "baseline"), 0)
    assert (lifted.scale, lifted.recipe.steps, lifted.recipe.epochs) == ("mini", 7, 4)
    filmed = plan.spec(Experiment.named("video-synthetic", "glsmamba-b", "glsmamba"), 0)
    assert (filmed.recipe.steps, filmed.recipe.draws, filmed.recipe.batch) == (120, 1, 8)
    start = plan.spec(pretraining(filmed.experiment), 0)
    assert (start.recipe.steps, start.recipe.draws, start.recipe.batch) == (9, None, 32)


def test_what_a_scale_leaves_out_is_as_the_paper_has_it() -> None:
    assert replace(scale_named("paper"), meaning="") == Scale("paper")
    posemamba, video = recipes()["posemamba"], recipes()["glsmamba"]
    for variant in resolve_variants().values():
        assert Scale("paper").hyper(variant) == variant.hyper
    scaled = Scale("paper").lifting_recipe("posemamba", posemamba, 243)
    assert (scaled.epochs, scaled.batch, scaled.decay, scaled.learning_rate) == (
        posemamba.epochs, posemamba.batch, posemamba.decay, posemamba.learning_rate
    )  # fmt: skip
    assert Scale("paper").video_recipe("glsmamba", video).milestones == video.milestones


def test_a_trial_shortens_every_training_that_says_no_length_of_its_own() -> None:
    paper, quick = (scale_named(name, {"epochs": 1, "depth": "1/2"}) for name in ("paper", "quick"))
    assert (paper.epochs, paper.video.epochs, paper.video.pretraining.epochs) == (1, 1, 1)
    assert (quick.depth, quick.video.steps, quick.video.pretraining.steps) == (Fraction(1, 2), 120, 800)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"like": "quik"}, "mini.like: unknown scale 'quik'; did you mean 'quick'?"),
        ({"like": "mini"}, "mini.like: goes round in a circle (mini -> mini)"),
        ({"stpes": 1}, "mini: unknown key 'stpes'; did you mean 'steps'?"),
        (
            {"peak_rate": {"sasmmba": 1}},
            "mini: peak_rate: no recipe for lifting is called 'sasmmba'; did you mean 'sasmamba'?",
        ),
    ],
)
def test_mistakes_end_in_one_line(written: Path, entry: dict, words: str) -> None:
    written.write_text(yaml.safe_dump(yaml.safe_load(written.read_text()) | {"mini": entry}))
    with pytest.raises(InputError) as error:
        scale_named("mini")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_peak_rate_is_that_of_the_recipe_or_of_the_others() -> None:
    named = {"others": 2.0, "sasmamba": 1.0}
    for scale, rates in (
        (scale_named("small", {"peak_rate": named}), (2.0, 1.0)),
        (scale_named("small", {"peak_rate": 3.0}), (3.0, 3.0)),
    ):
        assert tuple(map(scale.peak_rate_of, ("posemamba", "sasmamba"))) == rates
        scaled = scale.lifting_recipe("sasmamba", recipes()["sasmamba"], 27)
        assert scaled.learning_rate == rates[1]
    paper = scale_named("paper")
    assert paper.peak_rate_of("sasmamba") is None
    assert paper.lifting_recipe("sasmamba", recipes()["sasmamba"], 27).learning_rate == 5e-4


def test_small_shrinks_wide_networks_more_and_keeps_their_order() -> None:
    small = scale_named("small")
    widths = {name: small.hyper(variant)["width"] for name, variant in resolve_variants().items() if name in WIDTHS}
    assert widths == WIDTHS


def test_small_trains_all_networks_by_one_rate_and_by_as_many_answers() -> None:
    plan = make_plan(read_config(["scale=small", "studies=equal-terms"]))
    specs = {e: plan.spec(e, 0) for e in plan.experiments}
    rates = {e.recipe: spec.recipe.learning_rate for e, spec in specs.items()}
    assert rates == {"baseline": 5e-3, "equal": 5e-3, "equal-confidence": 5e-3, "equal-fast": 1.25e-2}
    for e, spec in specs.items():
        answered = 1 if resolve_variants()[e.variant].emits == "centre" else spec.frames
        assert spec.recipe.batch * answered == 108
        assert spec.recipe.batch >= 4  # clips, which batch normalisation takes its means over


def test_a_tenth_is_a_tenth() -> None:
    assert scale_named("quick", {"depth": 0.1}).depth == Fraction(1, 10)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"like": "mini"}, r"mini.like: goes round in a circle \(mini -> mini\)"),
        ({"like": "smal"}, "mini.like: unknown scale 'smal'; did you mean 'small'"),
    ],
    ids=str,
)
def test_a_scale_that_is_not_chosen_is_checked_too(written: Path, entry: dict, complaint: str) -> None:
    written.write_text(yaml.safe_dump(yaml.safe_load(written.read_text()) | {"mini": entry}))
    with pytest.raises(InputError, match=complaint):
        read_config(["scale=quick"])


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("{like: open}", "override.like: this key does not belong here"),
        ("{video: {leave_out: [glsmamba-hh]}}", "video.leave_out: .*'glsmamba-hh'; did you mean 'glsmamba-h'"),
        ("{video: {families: {glsmama: {width: 8}}}}", "video.families: .*'glsmama'; did you mean 'glsmamba'"),
        ("{video: {families: {posemamba: {width: 8}}}}", "video.families: nothing for video is called 'posemamba'"),
    ],
)
def test_an_override_that_nothing_would_hear_is_refused(override: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        read_config([f"override={override}"])


def test_records_are_evaluated_by_a_part_where_an_override_says_no_more_than_that() -> None:
    assert read_config(["override={records: {part: 1/4}}"]).scale.records.part == Fraction(1, 4)
    with pytest.raises(InputError, match=r"scale small: records: key 'scale' is missing"):
        read_config(["scale=small", "override={records: {part: 1/4}}"])
