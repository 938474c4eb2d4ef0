"""From predictions to scores and rows of measurements, on data small enough to score by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from base.errors import InputError
from base.files import write_rows
from datasets.card import Card
from datasets.lifting import load
from datasets.normalise import normalise_labels
from datasets.writing import CapturedSequence, write_split
from metrics.joint_errors import METRICS
from studies.data import Dataset
from studies.measurements import COLUMNS, Measurement
from studies.recipes import RunSpec, recipes
from workflow.measuring.lifting_scores import COMPARED, LiftingScorer, protocol_values
from workflow.measuring.measurements import collect
from workflow.measuring.scores import Run, scores, write_scores

SPEC = RunSpec("quick", Dataset.parse("synthetic-gt"), "v", "r", 3, "auto", {}, recipes()["posemamba"])
FRAMES, WIDTH, FACTOR, ACTIONS = 81, 1000, 2.0, ["Walking", "Posing", "Posing"]


@pytest.fixture(params=["gt", "sh-like"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A test split of three sequences of two actions, 2 mm a pixel, its 2D exact."""
    rng = np.random.default_rng(0)
    factor, sequences = np.full(FRAMES, FACTOR), []
    for name, action in zip("abc", ACTIONS, strict=True):
        joints = rng.normal([WIDTH * FACTOR / 2, WIDTH * FACTOR / 2, 0], 200, size=(FRAMES, 17, 3))
        keypoints = np.concatenate([joints[..., :2] / FACTOR, np.ones((FRAMES, 17, 1))], axis=-1)
        size = (WIDTH, WIDTH)
        sequences.append(CapturedSequence(name, "S01", action, "ca_01", size, keypoints, joints, factor))
    write_split(tmp_path / "test", sequences, Card(preset=request.param))
    return tmp_path


def predictions_of(data: Path, first: float = 0.001, others: float = 0.001) -> np.ndarray:
    """The truth as a network would say it (N, 17, 3), but each joint less the root too far: by mm, in "a" and the rest.

    Never exact: the protocol leaves out frames without any error.
    """
    split = load(data / "test")
    labels = normalise_labels(split.joints, split.factor, WIDTH, WIDTH)
    off = np.repeat([first, others, others], FRAMES) * 2 / FACTOR / WIDTH  # (N,)
    labels[:, 1:, 2] += off[:, None]
    return labels


def test_true_keypoints_add_the_protocol_that_measures_depth_only(data: Path) -> None:
    split = load(data / "test")
    values = protocol_values(predictions_of(data), split)
    expected = {"human36m", "pooled"} | ({"human36m-gt2d"} if split.card.preset == "gt" else set())
    assert set(values) == expected
    for metrics, takes in values.values():
        assert takes == len(ACTIONS)
        assert set(METRICS) <= set(metrics)
        assert metrics["mpjpe"] == pytest.approx(0, abs=1e-2)
        assert metrics["pck3d"] == pytest.approx(100)


def test_actions_count_alike_in_one_protocol_and_frames_in_the_other(data: Path) -> None:
    values = protocol_values(predictions_of(data, first=34.0, others=17.0), load(data / "test"))
    human36m, pooled = (values[protocol][0] for protocol in ("human36m", "pooled"))
    assert human36m["mpjpe"] == pytest.approx((32 + 16) / 2, rel=1e-4)  # 16 of 17 joints are off
    assert pooled["mpjpe"] == pytest.approx((32 + 16 + 16) / 3, rel=1e-4)


def test_true_x_and_y_replace_predicted_ones_where_depth_alone_is_measured(data: Path) -> None:
    split = load(data / "test")
    sideways = predictions_of(data)
    sideways[:, 1:, 0] += 0.1
    values = protocol_values(sideways, split)
    assert values["human36m"][0]["mpjpe"] > 50
    if split.card.preset == "gt":
        assert values["human36m-gt2d"][0]["mpjpe"] == pytest.approx(0, abs=1e-2)


def run_of(folder: Path, **poses: np.ndarray) -> Path:
    """A run folder; poses: (N, 17, 3) of the test split, by selection."""
    folder.mkdir(parents=True)
    record = {
        "spec": SPEC.as_json(),
        "selected": {"last": {"epoch": 2}, "best_val": {"epoch": 1}, "best_test": {"epoch": 2}},
        "frames": {"train": 1, "test": 1},
        "revision": "abc",
        "hardware": {"device": "cpu"},
    }
    (folder / "run.json").write_text(json.dumps(record))
    np.savez(folder / "predictions.npz", **{f"{selection}/test/joints": array for selection, array in poses.items()})
    return folder


def test_an_experiment_becomes_a_row_a_metric_protocol_and_selection(data: Path, tmp_path: Path) -> None:
    right = predictions_of(data)
    run = run_of(tmp_path / "run", last=right, best_val=2 * right, best_test=right)
    write_scores([run], LiftingScorer(data), tmp_path / "scores.csv")
    rows = pd.read_csv(tmp_path / "scores.csv")
    assert list(rows.columns) == COLUMNS
    errors = rows[rows["metric"] == "mpjpe"].set_index("convention")["value"]
    assert errors["pooled/test/last"] == errors["pooled/test/best_test"] != errors["pooled/test/best_val"]
    protocols = 3 if load(data / "test").card.preset == "gt" else 2
    assert len(rows) == protocols * 3 * len(METRICS)
    assert set(rows["convention"]) >= {f"human36m/test/{s}" for s in ("last", "best_val", "best_test")}
    identities = rows[["scale", "dataset", "variant", "recipe", "seed", "device", "run", "revision"]].drop_duplicates()
    assert identities.values.tolist() == [["quick", "synthetic-gt", "v", "r", 3, "cpu", str(run), "abc"]]

    groups = pd.read_csv(tmp_path / "groups.csv")
    mine = groups[(groups["convention"] == "human36m/test/last") & (groups["metric"] == "mpjpe")]
    assert set(mine["group"]) == set(ACTIONS)
    assert mine["value"].mean() == pytest.approx(errors["human36m/test/last"])
    with np.load(tmp_path / "resamples.npz") as resamples:
        compared = {name.split("/")[-1] for name in resamples if name.startswith("3/human36m/test/last/")}
        assert compared == set(COMPARED)
        assert resamples["clusters/pooled/test/best_val"] == len(ACTIONS)


def test_predictions_of_an_older_version_are_refused_with_the_remedy(data: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    np.savez(run / "predictions.npz", last=predictions_of(data))
    with pytest.raises(InputError, match=r"as older versions did \(last\); delete .*run and run `make` again"):
        list(scores(Run.read(run), LiftingScorer(data)))


def test_damaged_predictions_are_not_scored(data: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", last=predictions_of(data))
    content = bytearray((run / "predictions.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (run / "predictions.npz").write_bytes(content)
    with pytest.raises(
        InputError, match=r"predictions\.npz: cannot be read \(Bad CRC-32.*; delete .*run and run `make` again"
    ):
        list(scores(Run.read(run), LiftingScorer(data)))


def test_parts_are_joined_and_a_strange_one_is_refused(tmp_path: Path) -> None:
    rows = [
        Measurement(**dict.fromkeys(COLUMNS, name) | {"value": v}) for name, v in (("x", 3587426496), ("y", 0.1 + 0.2))
    ]
    for row, name in zip(rows, "ab", strict=True):
        write_rows(tmp_path / name, Measurement, [row])
    collect([tmp_path / "a", tmp_path / "b"], COLUMNS, tmp_path / "all.csv")
    lines = (tmp_path / "all.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert [line.split(",")[6] for line in lines[1:]] == ["3587426496", repr(0.1 + 0.2)]  # every digit kept

    (tmp_path / "b").write_text("variant,value\nx,1\n")
    before = (tmp_path / "all.csv").read_bytes()
    with pytest.raises(InputError, match=r"b: has the columns .*, not scale, "):
        collect([tmp_path / "a", tmp_path / "b"], COLUMNS, tmp_path / "all.csv")
    (tmp_path / "b").write_bytes((tmp_path / "a").read_bytes()[:-3])
    with pytest.raises(InputError, match=r"b: is cut off within a line; delete it and run `make` again$"):
        collect([tmp_path / "a", tmp_path / "b"], COLUMNS, tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_bytes() == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"selected": [1]}', '{"selected": {"last": {}}}'])
def test_a_damaged_run_ends_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json: .*run `make` again$"):
        Run.read(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "holds no array"),
        ({"last/test/joint": np.ones(1)}, "unknown array"),
        ({"best/test/joints": np.ones(1)}, r"not of the same selections \(best, last\)"),
        ({"last/new/joints": np.ones(1)}, "unknown split 'new'"),
    ],
    ids=str,
)
def test_predictions_of_another_run_end_in_one_line(tmp_path: Path, arrays: dict, said: str) -> None:
    np.savez(tmp_path / "predictions.npz", **arrays)
    run = Run(tmp_path, SPEC, {"last": 1}, {"test": 1}, "CPU", "0")
    with pytest.raises(InputError, match=said):
        list(scores(run, LiftingScorer(tmp_path)))
