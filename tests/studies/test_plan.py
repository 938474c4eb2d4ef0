"""From studies and config to runs."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from base.errors import InputError
from studies.config import checked_config
from studies.data import Boxes, Dataset, Experiment
from studies.plan import make_plan
from studies.recipes import recipes
from studies.scales import scale_named
from studies.variants import pretraining, resolve_variants

ROOT = Path(__file__).resolve().parent.parent.parent


def config(**changes: object) -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text()) | changes


def test_a_run_that_several_tables_share_is_one_run() -> None:
    experiments = make_plan(checked_config(config())).experiments
    assert len(set(experiments)) == len(experiments)
    shared = Experiment.named("synthetic-sh-like", "posemamba-s", "posemamba")  # Tables 1, 4, 5, 6 and SasMamba's
    assert experiments.count(shared) == 1


def test_baselines_come_with_every_data_set_that_a_study_uses() -> None:
    plan = make_plan(checked_config(config(studies=["sasmamba"], variants="all")))
    for dataset in plan.datasets:
        assert Experiment(dataset, "mean-pose", "baseline") in plan.experiments
        assert Experiment(dataset, "mlp", "baseline") in plan.experiments
    assert list(map(str, plan.datasets)) == ["synthetic-gt", "synthetic-sh-like"]


def test_selected_variants_are_the_only_ones_to_run_but_all_are_counted() -> None:
    plan = make_plan(checked_config(config(variants="mlp,sasmamba", motion="cmu", detector="hard")))
    assert {e.variant for e in plan.experiments} == {"mlp", "sasmamba"}
    assert list(map(str, plan.datasets)) == ["cmu-gt", "cmu-hard"]
    assert "posemamba-x" in plan.families["posemamba"]


def test_open_runs_have_the_papers_size_and_quick_ones_keep_the_order_of_sizes() -> None:
    variants = resolve_variants()
    whole, quick = scale_named("open", {"drop": 1}), scale_named("quick")
    for name, variant in variants.items():
        assert whole.hyper(variant) == variant.hyper, name
    small, large = (quick.hyper(variants[f"posemamba-{v}"]) for v in ("s", "x"))
    assert all(1 <= small[key] < variants["posemamba-s"].hyper[key] for key in ("depth", "width", "frames"))
    assert large["depth"] > small["depth"]
    assert large["width"] > small["width"]


def test_the_whole_decay_of_the_learning_rate_is_the_recipes_own() -> None:
    plan = make_plan(checked_config(config()))
    recipe = plan.spec(Experiment.named("synthetic-sh-like", "sasmamba", "sasmamba"), 0).recipe
    assert recipe.decay**recipe.epochs == pytest.approx(0.99**300)  # SasMamba's recipe


def test_videos_are_rendered_from_the_configured_motion_and_benchmarks_that_are_not_here_start_nothing() -> None:
    plan = make_plan(checked_config(config(studies=["glsmamba", "open-video"])))
    assert list(map(str, plan.datasets)) == ["video-synthetic"]
    assert Experiment.named("video-synthetic", "glsmamba-b", "glsmamba") in plan.experiments
    assert "trans-hr" not in {e.variant for e in plan.experiments}  # out of memory: counted, not trained
    assert "mlp" not in {e.variant for e in plan.experiments}  # which lifts poses


def test_video_keeps_its_frames_and_the_fractions_of_its_schedule_at_every_scale() -> None:
    plan = make_plan(checked_config(config(studies=["glsmamba"])))
    spec = plan.spec(Experiment.named("video-synthetic", "glsmamba-b", "glsmamba"), 0)
    assert spec.hyper["frames"] == 5
    epochs = spec.recipe.epochs
    assert spec.recipe.milestones == (max(1, round(epochs * 6 / 20)), max(1, round(epochs * 12 / 20)))
    assert spec.recipe.decay == 1


def test_video_networks_shrink_but_keep_what_a_row_is_about() -> None:
    plan = make_plan(checked_config(config(studies=["glsmamba", "open-video"])))
    whole = resolve_variants()
    for experiment in plan.experiments:
        hyper = plan.spec(experiment, 0).hyper
        assert hyper["frames"] == whole[experiment.variant].frames
        assert hyper["encoder"] == "tiny"
    backbone = plan.spec(Experiment.named("video-synthetic", "glsmamba-b-backbone", "glsmamba"), 0).hyper
    assert (backbone["global_blocks"], backbone["local_blocks"]) == (0, 0)
    assert "glsmamba-h" not in {e.variant for e in plan.experiments}  # shrunken, it is glsmamba-b
    full = make_plan(checked_config(config(studies=["glsmamba"], scale="open")))
    spec = full.spec(Experiment.named("video-synthetic", "glsmamba-h", "glsmamba"), 0)
    assert spec.hyper == whole["glsmamba-h"].hyper
    assert (spec.recipe.epochs, spec.recipe.milestones, spec.recipe.batch) == (20, (6, 12), 8)


def test_official_weights_on_video_see_persons_as_their_own_recipe_shows_them(tmp_path: Path) -> None:
    (tmp_path / "dcpose.pth").touch()
    given = {"video-posetrack17": {"dcpose": str(tmp_path / "dcpose.pth")}}
    plan = make_plan(checked_config(config(studies=["glsmamba"], scale="paper", weights=given)))
    judged, trained = (Experiment.named("video-posetrack17", "dcpose", recipe) for recipe in ("official", "dcpose"))
    assert {judged, trained} <= set(plan.experiments)
    assert plan.official(judged) == given["video-posetrack17"]["dcpose"]
    assert plan.official(trained) is None
    assert pretraining(judged) is None
    spec, other = plan.spec(judged, 0), plan.spec(trained, 0)
    assert (spec.recipe.crops, spec.conditions, spec.hyper) == (other.recipe.crops, other.conditions, other.hyper)
    assert plan.official_variants == {"video-posetrack17": ["dcpose"]}


def test_frozen_encoders_are_pretrained_once_and_look_once() -> None:
    plan = make_plan(checked_config(config(studies=["glsmamba", "open-video"])))
    start = Experiment.named("video-synthetic", "vitpose-b", "pretraining")
    assert {pretraining(e) for e in plan.experiments} == {start}
    assert pretraining(start) is None
    readers = {e.variant for e in plan.experiments if plan.reads_features(e)}
    assert "glsmamba-b" in readers
    assert "vitpose-b" not in readers  # its encoder is trained
    features = plan.features(Dataset("synthetic"), "vitpose-b")
    assert features.frames == 5
    assert {Boxes("gt"), Boxes("detected"), Boxes("detected", "shuffled")} <= set(features.conditions)
    rated = make_plan(
        checked_config(config(studies=["glsmamba", "open-video"], override={"video": {"learning_rate": 1}}))
    )
    assert rated.features(Dataset("synthetic"), "vitpose-b") == features  # another rate needs no others


def test_a_run_is_judged_on_what_its_tables_show() -> None:
    plan = make_plan(checked_config(config(studies=["glsmamba", "open-video"])))

    def shown(variant: str) -> tuple[Boxes, ...]:
        return plan.spec(Experiment.named("video-synthetic", variant, "glsmamba"), 0).conditions

    assert shown("glsmamba-b-lrm-only") == (Boxes("detected"),)
    assert shown("trans-lr") == (Boxes("detected"), Boxes("gt"))
    assert Boxes("detected", "copies") in shown("glsmamba-b-1")


def test_memory_is_predicted_for_the_rows_that_show_it() -> None:
    plan = make_plan(checked_config(config()))
    assert plan.shown("training_memory") == ["glsmamba-b", "glsmamba-blr", "trans-lr", "trans-nr", "trans-hr"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"moton": "cmu"}, "unknown key 'moton'; did you mean 'motion'?"),
        ({"dataset": "cmu"}, "unknown key 'dataset'; it is called 'motion' now"),
        ({"motion": "cmus"}, "unknown value 'cmus'; did you mean 'cmu"),
        ({"variants": "posemamba-z"}, "unknown variant 'posemamba-z'; did you mean 'posemamba-"),
        ({"studies": "posemama"}, "unknown study 'posemama'; did you mean 'posemamba'?"),
        ({"seeds": "zero"}, "seeds"),
        ({"scale": "qick"}, "scale: unknown value 'qick'; did you mean 'quick'?"),
        ({"override": {"stpes": 5}}, "override: unknown key 'stpes'; did you mean 'steps'?"),
        ({"scale": "paper", "detector": "hard"}, "detector: 'hard' is not for scale paper; say sh or cpn"),
        (
            {"scale": "paper", "weights": {"human36m-sh": {"posemamba-s": "nowhere.bin"}}},
            "weights.human36m-sh.posemamba-s: nowhere.bin is no file",
        ),
        ({"weights": {"human36m-hs": {}}}, "weights: unknown data set 'human36m-hs'; did you mean 'human36m-sh'?"),
        ({"benchmarks": "human36"}, "benchmarks: unknown data set 'human36'; did you mean 'human36m'?"),
        ({"sources": {"cmuu": {}}}, "sources: unknown source 'cmuu'; did you mean 'cmu'?"),
        ({"detector": "cpn"}, "detector: 'cpn' is not for scale quick; say sh-like or hard"),
        ({"scale": "paper", "selection": "best_val"}, "best_val needs override.hold_out: true"),
    ],
)
def test_mistakes_in_the_config_end_in_one_line(changes: dict, words: str) -> None:
    with pytest.raises(InputError) as error:
        checked_config(config(**changes))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_at_scale_paper_columns_are_measured_on_what_they_are_about():
    """Each paper's tables on its own data; our own studies, which no paper prints, on nothing."""
    asked = {"scale": "paper", "studies": ["posemamba", "glsmamba"]}

    def datasets(**changes: object) -> list[str]:
        return list(map(str, make_plan(checked_config(config(**asked | changes))).datasets))

    assert datasets() == [
        "human36m-gt", "human36m-sh", "mpi-inf-3dhp-gt",
        "video-jhmdb", "video-posetrack17", "video-posetrack18", "video-posetrack21",
    ]  # fmt: skip
    assert datasets(benchmarks=["human36m"]) == ["human36m-gt", "human36m-sh"]
    assert datasets(studies=["open-motion", "open-video"]) == []


def test_networks_that_read_the_same_features_share_their_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    written = recipes()
    changed = written | {"glsmamba-copies": replace(written["glsmamba-copies"], rotation=10)}
    monkeypatch.setattr("studies.plan.recipes", lambda: changed)
    with pytest.raises(InputError, match="glsmamba-copies and glsmamba read the same features of vitpose-"):
        make_plan(checked_config(config(variants="all")))
    make_plan(checked_config(config(variants="all", override={"video": {"draws": None}})))  # each cuts its own then
