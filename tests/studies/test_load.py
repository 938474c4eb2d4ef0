"""Loading studies and recipes: what is there holds together, and every mistake ends in one line that names it."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from base.errors import InputError
from base.reading import check_schema, nearest, read_yaml
from studies import variants
from studies.load import check_all, load_study, study_names
from studies.recipes import FILE, VideoRecipe, recipes
from studies.types import CountColumn, FactColumn, LiftingColumn

STUDY = """
study: paper
title: A paper
venue: null
link: null
tables:
  - id: main
    number: 1
    title: Comparison
    benchmark: human36m
    columns:
      - {id: frames, label: T, kind: fact}
      - {id: params, label: Params, kind: efficiency, metric: params, convention: paper, unit: M}
      - {id: p1, label: P1, kind: accuracy, metric: mpjpe, protocol: human36m, input: detected, unit: mm}
    rows:
      - {id: other, label: Other, notes: [star], cells: {frames: "27", params: "1.0 M", p1: "-"}}
      - {id: ours, label: Ours, variant: posemamba-s, recipe: posemamba, cells: {params: "0.9 M", p1: "41.8"}}
    footnotes: {star: a note}
figures:
  - {id: bubbles, number: 1, kind: error-against-macs, title: F, table: main, error: p1, macs: params, size: params}
  - {id: map, number: 2, kind: ssm-map, title: F, variant: posemamba-s, recipe: posemamba, input: detected}
  - {id: curves, number: null, kind: learning-curves, title: F, tables: [main], input: detected}
"""


@pytest.fixture
def study_file(tmp_path):
    """Writes a study with one piece of its text replaced; returns its path."""

    def write(old="", new=""):
        assert old in STUDY
        path = tmp_path / "paper.yaml"
        path.write_text(STUDY.replace(old, new, 1) if old else STUDY, encoding="utf-8")
        return path

    return write


def complaint(call, *arguments):
    with pytest.raises(InputError) as error:
        call(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_everything_in_the_repository_is_sound():
    check_all()
    assert study_names() == ["equal-terms", "glsmamba", "open-motion", "open-video", "posemamba", "sasmamba"]


def test_a_sound_study_loads_as_written(study_file):
    path = study_file()
    assert load_study(path) == load_study(str(path))
    study = load_study(path)
    frames, params, p1 = study.table("main").columns
    assert frames == FactColumn(id="frames", label="T")
    assert params == CountColumn(id="params", label="Params", metric="params", convention="paper", unit="M")
    assert (type(p1), p1.input, p1.split, p1.about) == (LiftingColumn, "detected", "test", "human36m")
    other, ours = study.table("main").rows
    assert (other.variant, other.notes, other.cells) == ("", ("star",), {"frames": "27", "params": "1.0 M", "p1": "-"})
    assert (ours.variant, ours.recipe, ours.cells) == ("posemamba-s", "posemamba", {"params": "0.9 M", "p1": "41.8"})
    assert [figure.id for figure in study.figures] == ["bubbles", "map", "curves"]
    assert study.figure("curves").tables == ("main",)


def test_rendered_videos_stand_for_a_papers_where_it_prints_numbers_for_videos():
    abouts = {name: {column.about for table in load_study(name).tables for column in table.accuracies
                     if column.benchmark == "video"} for name in ("glsmamba", "open-video")}  # fmt: skip
    assert abouts == {"glsmamba": {"posetrack17"}, "open-video": {None}}


# Text of the study, what replaces it, and what the message says after the file's name.
MISSPELT_KEYS = [
    ("    title: Comparison", "    titel: Comparison", "tables[0]: unknown key 'titel'; did you mean 'title'?"),
    ("label: Ours,", "lable: Ours,", "tables[0].rows[1]: unknown key 'lable'; did you mean 'label'?"),
    ("label: Ours, ", "", "tables[0].rows[1]: key 'label' is missing"),
    ("venue: null", "title: Again", "line 4: key 'title' stands twice in one mapping; remove one"),
    ('p1: "41.8"', 'p1: "41.8", p1: "41.9"', "line 17: key 'p1' stands twice in one mapping; remove one"),
    ("kind: fact", "kind: fact, unit: M", "tables[0].columns[0].unit: this key does not belong here"),
    ("tables: [main]", "tables: [main], split: test", "figures[2].split: this key does not belong here"),
    (", protocol: human36m", "", "tables[0].columns[2]: key 'protocol' is missing"),
    ("rows:", "rows: ]", "line "),
]
MISSPELT_VALUES = [
    ("metric: mpjpe", "metric: mpjp", "tables[0].columns[2].metric: unknown value 'mpjp'; did you mean 'mpjpe'?"),
    ("metric: mpjpe", "metric: params", "tables[0].columns[2].metric: unknown value 'params'"),
    ("convention: paper", "convention: papr", "convention: unknown value 'papr'; did you mean 'paper'?"),
    ("unit: mm", "unit: nm", "tables[0].columns[2].unit: unknown value 'nm'; did you mean 'm'?"),
    ("unit: mm", "unit: M", "tables[0].columns[2].unit: unknown value 'M'; known: mm, m"),
    ("kind: ssm-map", "kind: ssm-mp", "figures[1].kind: unknown value 'ssm-mp'; did you mean 'ssm-map'?"),
    ('frames: "27"', "frames: 27", "tables[0].rows[0].cells.frames: 27 is not text; write it in quotes"),
    ('p1: "41.8"', 'p1: "41.8 M"', "cells.p1: printed value '41.8 M': its unit does not fit its column's unit 'mm'"),
    ('p1: "41.8"', 'p1: "good"', "tables[0].rows[1].cells.p1: printed value 'good' is not a number"),
    ("study: paper", "study: other", "study: is 'other', but the file is paper.yaml; the two must be the same"),
]
UNKNOWN_NAMES = [
    ("posemamba-s, recipe", "posemamba-z, recipe", "tables[0].rows[1].variant: unknown variant 'posemamba-z'; did you"),
    ("recipe: posemamba,", "recipe: posemanba,", "unknown recipe 'posemanba'; did you mean 'posemamba'?"),
    ("recipe: posemamba, ", "", "tables[0].rows[1]: key 'recipe' is missing: the table has accuracies"),
    ("label: Other", "label: Other, recipe: posemamba", "'variant' is a dependency of 'recipe'"),
    ("id: ours", "id: other", "tables[0].rows[1].id: 'other' stands twice; ids must differ"),
    ("id: p1,", "id: params,", "tables[0].columns[2].id: 'params' stands twice; ids must differ"),
    ("id: map", "id: bubbles", "figures[1].id: 'bubbles' stands twice; ids must differ"),
    (
        'frames: "27"',
        'frames: "27", p9: "1"',
        "rows[0].cells.p9: there is no column 'p9'; known: frames, params, p1",
    ),
    ("notes: [star]", "notes: [sta]", "tables[0].rows[0].notes: unknown footnote 'sta'; did you mean 'star'?"),
    ("recipe: posemamba,", "recipe: posemamba, trained: false,", "tables[0].rows[1].recipe: this key does not belong"),
    ("recipe: posemamba,", "recipe: glsmamba,", "rows[1].recipe: 'glsmamba' is for video, the accuracies of its table"),
    ("variant: posemamba-s, recipe: posemamba,", "variant: glsmamba-b, recipe: glsmamba,", "'glsmamba-b' is for video"),
    ("rows:", "sorted_by: frames\n    rows:", "tables[0].sorted_by: there is no measured column 'frames'"),
    ("rows:", "ranked_by: frames\n    rows:", "tables[0].ranked_by: there is no column of accuracies 'frames'"),
    ("table: main", "table: mian", "figures[0].table: unknown table 'mian'; did you mean 'main'?"),
    ("tables: [main]", "tables: [mian]", "figures[2].tables: unknown table 'mian'; did you mean 'main'?"),
    ("error: p1", "error: p2", "figures[0].error: main has no column 'p2'; known: frames, params, p1"),
    ("F, variant: posemamba-s", "F, variant: sasmamba", "figures[1]: no table trains sasmamba by recipe posemamba on"),
    ("posemamba, input: detected", "posemamba, input: gt", "no table trains posemamba-s by recipe posemamba on gt"),
]

VIDEO = "protocol: poseval, benchmark: video, boxes: gt, unit: "
VIDEO_COLUMNS = [
    (f"metric: ap, {VIDEO}mm", "tables[0].columns[2].unit: unknown value 'mm'; known: %"),
    (f"metric: pck, {VIDEO}'%'", "tables[0].columns[2].metric: 'pck' does not match"),
    (f"metric: mpjpe, {VIDEO}'%'", "tables[0].columns[2]"),
    (f"metric: ap, input: gt, {VIDEO}'%'", "tables[0].columns[2].input: this key does not belong here"),
    ("metric: ap, protocol: poseval, benchmark: video, unit: '%'", "tables[0].columns[2]: key 'boxes' is missing"),
    ("metric: ap, protocol: poseval, boxes: gt, unit: '%'", "tables[0].columns[2]: key 'benchmark' is missing"),
    ("metric: ap, protocol: poseval, benchmark: jhmdb, boxes: gt, unit: '%'", "benchmark: unknown value 'jhmdb'"),
    (f"metric: ap, {VIDEO}'%'".replace("gt", "unstated"), "boxes: unknown value 'unstated'; known: detected, gt"),
    (f"metric: ap, neighbours: copies, {VIDEO}'%'".replace("video", "posetrack17"), "neighbours: this key does not"),
    ("metric: mpjpe, protocol: human36m, input: gt, boxes: gt, unit: mm", "boxes: this key does not belong here"),
    ("metric: mpjpe, protocol: human36m, input: gt, split: val, unit: mm", "split: unknown value 'val'"),
]


@pytest.mark.parametrize(("column", "expected"), VIDEO_COLUMNS)
def test_mistakes_in_video_columns(study_file, column, expected):
    assert expected in complaint(
        load_study, study_file("metric: mpjpe, protocol: human36m, input: detected, unit: mm", column)
    )


def test_out_of_memory_needs_the_devices_memory(study_file):
    """It is judged by it; and what does not fit is not trained, so that it needs no recipe."""
    oom = 'recipe: posemamba, cells: {params: "0.9 M", p1: "41.8"}', 'cells: {params: "-", p1: "OOM"}'
    assert "tables[0]: key 'device_memory' is missing: a row prints OOM" in complaint(load_study, study_file(*oom))
    path = study_file(*oom)
    text = path.read_text(encoding="utf-8").replace("    columns:", "    device_memory: 24 GiB\n    columns:")
    path.write_text(text.split("figures:")[0], encoding="utf-8")
    assert not load_study(path).table("main").row("ours").recipe
    path.write_text(text.replace("24 GiB", "24 mm"), encoding="utf-8")
    assert "tables[0].device_memory: printed value '24 mm': its unit does not fit" in complaint(load_study, path)


def test_a_figure_may_show_a_baseline(study_file):
    """Baselines are trained with every table, by a recipe of their own."""
    assert load_study(study_file("F, variant: posemamba-s", "F, variant: mlp")).figures[1].variant == "mlp"


@pytest.mark.parametrize(("old", "new", "expected"), MISSPELT_KEYS + MISSPELT_VALUES + UNKNOWN_NAMES)
def test_a_mistake_ends_in_one_line_with_its_place(study_file, old, new, expected):
    path = study_file(old, new)
    said = complaint(load_study, path)
    assert said.startswith(f"{path.as_posix()}: ")
    assert expected in said


def test_unknown_study_and_unreadable_files(tmp_path):
    assert complaint(load_study, "posmamba") == "studies: unknown study 'posmamba'; did you mean 'posemamba'?"
    assert "no-such.yaml: cannot be read (No such file or directory)" in complaint(
        load_study, tmp_path / "no-such.yaml"
    )
    for content, expected in [(b"- a\n", "must be a mapping"), (b"a: \xff\n", "UTF-8"), (b"", "must be a mapping")]:
        (tmp_path / "bad.yaml").write_bytes(content)
        assert expected in complaint(read_yaml, tmp_path / "bad.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 2026-13-45", "month must be in 1..12"),
        ("5: a", "line 1: key 5 is not text; write it in quotes"),
        ("a:\n  yes: 1", "line 2: key True is not text"),
        ("null: a", "key None is not text"),
        ("a: \0", "not UTF-8 text"),
    ],
)
def test_what_yaml_takes_for_something_else_is_named(tmp_path, text, expected):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=re.escape(expected)) as told:
        read_yaml(tmp_path / "a.yaml")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"epochs": 5.0}, "quick.epochs: 5.0 is not of type 'integer', 'null'"),
        ({"learning_rate": float("nan")}, "quick.learning_rate: nan is not of type 'number'"),
        ({"depth": float("inf")}, "quick.depth: inf is not of type 'string', 'number'"),
        ({"depth": "0/3"}, "quick.depth: '0/3' does not match"),
        ({"condition": "on {date} motion"}, "quick.condition: 'on {date} motion' does not match"),
        ({"video": {"networks": {"width": [1]}}}, "quick.video.networks.width: [1] is not of type 'integer'"),
    ],
    ids=str,
)
def test_numbers_are_finite_and_whole_ones_have_no_point(said, expected):
    with pytest.raises(InputError, match=re.escape(expected)):
        check_schema({"quick": said, "paper": {}}, "scales", "scales.yaml")


def test_recipes_inherit_key_by_key():
    resolved = recipes()
    assert resolved["posemamba-mpjpe-scale"] == replace(
        resolved["posemamba"],
        label="MPJPE + scale loss",
        loss={"mpjpe": 1.0, "n_mpjpe": 0.5, "velocity": 0.0, "temporal_consistency": 0.0},
    )
    # Two steps up: the data's own optimiser, SasMamba's rate and epochs, PoseMamba's decay.
    recipe = resolved["mpi-inf-3dhp"]
    assert (recipe.optimiser, recipe.learning_rate, recipe.decay) == ("adam-amsgrad", 5e-4, 0.99)
    assert recipe.loss == {"mpjpe": 1.0, "n_mpjpe": 0.5, "velocity": 20.0, "temporal_consistency": 0.0}
    assert isinstance(resolved["pretraining"], VideoRecipe)
    assert resolved["pretraining"].milestones == (170, 200)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {label: A, like: b}\nb: {label: B, like: a}", "a.like: goes round in a circle (a -> b -> a)"),
        ("abc: {label: A, like: abd}\nabe: {label: B, like: abc}", "abc.like: unknown recipe 'abd'; did you mean 'ab"),
        ("a: {label: A}", "a: key 'loss' is missing"),
        ("a: {label: A, like: a, los: {}}", "a: unknown key 'los'; did you mean 'loss'?"),
        ("a: {label: A, like: a, loss: {mpjp: 1}}", "a.loss: unknown key 'mpjp'; did you mean 'mpjpe'?"),
        ("a: {label: A, like: a, learning_rate: 0}", "a.learning_rate: 0 is less than or equal to the minimum of 0"),
    ],
)
def test_mistakes_in_recipes(tmp_path, text, expected):
    (tmp_path / "recipes.yaml").write_text(text, encoding="utf-8")
    assert expected in complaint(recipes, tmp_path / "recipes.yaml")


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ({"label": "A"}, "variants.yaml: a: key 'model' is missing"),
        ({"label": "A", "lik": "b"}, "variants.yaml: a: unknown key 'lik'; did you mean 'like'?"),
        ({"label": "A", "like": "b", "hyper": {"scan": "fs_ft"}}, "a.hyper.scan: unknown value 'fs_ft'; did you"),
        ({"label": "A", "like": "b", "hyper": {"depth": 0}}, "a.hyper.depth: 0 is less than the minimum of 1"),
        ({"label": "A", "like": "b", "model": "os.system"}, "a.model: 'os.system' does not match"),
    ],
)
def test_mistakes_in_variants(variant, expected):
    assert expected in complaint(check_schema, {"a": variant}, "variants", "variants.yaml")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"like": "new"}, "new.like: goes round in a circle (new -> new)"),
        ({"like": "posemamba-z"}, "new.like: unknown variant 'posemamba-z'; did you mean 'posemamba-"),
        ({"like": "posemamba-s", "model": "models.none.X"}, "new.model: models/none.py is no file; write it or mend"),
        ({"model": "models.lifting.sasmamba.SasMamba", "family": "a", "hyper": {}}, "hyper: key 'frames' is missing"),
        ({"model": "models.video.glsmamba.X", "family": "a", "hyper": {}}, "new.hyper: key 'encoder' is missing"),
    ],
    ids=str,
)
def test_what_no_schema_sees_of_a_variant(tmp_path, monkeypatch, entry, expected):
    path = tmp_path / "variants.yaml"
    path.write_text(variants.FILE.read_text() + f"\nnew: {json.dumps({'label': 'New'} | entry)}\n")
    monkeypatch.setattr(variants, "FILE", path)
    assert expected in complaint(variants.resolve_variants.__wrapped__)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("like: posemamba, rotation: 5", "new.rotation: this key is not for lifting"),
        ("like: pretraining, stride: 1/3", "new.stride: this key is not for networks for video"),
        ("like: posemamba, loss: {heatmap: 1}", "new.loss.heatmap: this term is not for lifting"),
        ("like: pretraining, loss: {heatmap: 0}", "new.loss: has no term with a weight above 0"),
    ],
)
def test_what_no_schema_sees_of_a_recipe(tmp_path, recipe, expected):
    path = tmp_path / "recipes.yaml"
    path.write_text(f"{FILE.read_text()}\nnew: {{label: New, {recipe}}}\n")
    assert expected in complaint(recipes, path)


def test_the_plans_own_recipes_must_be_there(tmp_path, monkeypatch):
    path = tmp_path / "recipes.yaml"
    path.write_text(FILE.read_text().replace("\npretraining:", "\npretrainin:"))
    monkeypatch.setattr("studies.recipes.FILE", path)
    assert "recipe 'pretraining' is missing" in complaint(recipes, path)


def test_nearest_names_the_few_that_there_are():
    assert nearest("zzz", ["ab", "cd"]) == "; known: ab, cd"
    assert nearest("zzz", [f"name{i}" for i in range(99)]) == ""
    assert nearest("name-1", ["name1", "other"]) == "; did you mean 'name1'?"


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import studies.load", {"numpy", "pandas", "torch", "jsonschema"}),
        ("from studies.load import check_all; check_all()", {"numpy", "pandas", "torch"}),
    ],
)
def test_loading_stays_light(code, heavy):
    """Snakemake imports these modules for every plan: nothing heavy, and jsonschema only to check a schema."""
    script = f"{code}; import sys; print(*sorted(set({sorted(heavy)}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
