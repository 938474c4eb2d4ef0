"""Records: a run becomes one, gives its numbers again, and is stale by what the code computes, not by its bytes."""

import json
import shutil
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from base.errors import InputError
from datasets.lifting import load
from datasets.motion.prepare import prepare
from datasets.rendered.prepare import prepare_video
from reports.records import DIFFERS, EVALUATED, STALE, State, faults, in_words, read_states
from studies.config import read_config
from studies.data import Boxes, Experiment
from studies.plan import make_plan
from studies.predictions import Predicted
from studies.recipes import RunSpec
from studies.records import PLAYED, ROWS, SELECTION, Record, departure, records
from training.checkpoints import load_weights, save_weights
from training.evaluate import predict
from training.features import write_features
from training.job import Job
from training.run import train
from workflow.measuring import lifting_records
from workflow.measuring import records as measured
from workflow.measuring.lifting_records import evaluate
from workflow.measuring.records import evaluate_records, keep, recompute

EXPERIMENT = Experiment.named("synthetic-sh-like", "posemamba-s", "posemamba")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, RunSpec]:
    """A folder to work in with prepared data and a run of a few steps; its spec."""
    folder = tmp_path_factory.mktemp("records")
    prepare(str(EXPERIMENT.dataset), folder / "data")
    spec = make_plan(read_config(["override={epochs: 2, steps: 30}"])).spec(EXPERIMENT, 0)
    train(Job(spec, folder / "data", folder / "run", folder / "state"))
    return folder / "run", folder / "data", spec


@pytest.fixture
def record(trained: tuple[Path, Path, RunSpec], tmp_path: Path) -> Record:
    run, data, _ = trained
    folder = tmp_path / "records/small" / str(EXPERIMENT.dataset) / EXPERIMENT.variant / EXPERIMENT.recipe / "seed0"
    keep(run, data, folder)
    (kept,) = records("small", tmp_path / "records")
    assert (kept.folder, kept.experiment, kept.seed) == (folder, EXPERIMENT, 0)
    return kept


def evaluated(record: Record, data: Path, folder: Path) -> Path:
    """The file of what the record gives."""
    evaluate_records([record], data, folder / "evaluated.csv")
    return folder / "evaluated.csv"


def state(record: Record, data: Path, spec: RunSpec, folder: Path) -> State:
    """What a report says of a record."""
    evaluated(record, data, folder)
    recompute([(record, spec)], folder / "recomputed.csv")
    return read_states(folder / "recomputed.csv", [folder / "evaluated.csv"])[str(record.folder)]


def test_a_run_becomes_a_small_record_that_gives_its_numbers_again(
    record: Record, trained: tuple[Path, Path, RunSpec], tmp_path: Path
) -> None:
    run, data, spec = trained
    sizes = {path.name: path.stat().st_size for path in record.folder.iterdir()}
    assert set(sizes) == {
        "run.json", "history.csv", "scores.csv", "groups.csv", "resamples.npz", "weights.safetensors"
    }  # fmt: skip
    assert sizes["weights.safetensors"] < 0.6 * (run / "weights.safetensors").stat().st_size
    assert (record.folder / "history.csv").read_bytes() == (run / "history.csv").read_bytes()
    written = json.loads(Path(record.run_json).read_text())
    assert RunSpec.from_json(written["spec"]) == spec
    rows = pd.read_csv(record.scores)
    assert set(rows["run"]) == {str(record.folder)}
    assert set(rows["convention"].str.rpartition("/")[2]) == {"last"}
    assert state(record, data, spec, tmp_path) == State(EVALUATED)
    told = pd.read_csv(tmp_path / "evaluated.csv")
    assert (told["here"] - told["recorded"]).abs().max() < 0.01


def test_a_record_takes_the_place_of_an_older_one_and_of_nothing_else(
    record: Record, trained: tuple[Path, Path, RunSpec]
) -> None:
    run, data, spec = trained
    Path(record.run_json).write_text("{}")
    keep(run, data, record.folder)
    assert RunSpec.from_json(json.loads(Path(record.run_json).read_text())["spec"]) == spec
    Path(record.run_json).rename(record.folder / "notes.json")
    with pytest.raises(InputError, match="seed0: exists and holds no record; choose another folder or empty it"):
        keep(run, data, record.folder)


def test_what_pages_play_of_a_record_is_what_its_weights_predict(
    record: Record, trained: tuple[Path, Path, RunSpec], tmp_path: Path
) -> None:
    _, data, spec = trained
    evaluate_records([record], data, tmp_path / "evaluated.csv", [record])
    split = load(data / "test")
    whole = evaluate(spec, load_weights(Path(record.weights)), {"test": split})[Predicted(SELECTION, "test")]["joints"]
    with np.load(tmp_path / "evaluated.npz") as arrays:
        assert np.array_equal(arrays[str(record.folder)], whole[arrays[ROWS]])
        shown = split.frames.iloc[arrays[ROWS]].groupby("sequence")["frame"]
    assert set(shown.size()) == {PLAYED}
    assert set(shown.min()) == set(split.frames.groupby("sequence")["frame"].min())


def test_a_part_of_the_actions_is_held_to_what_was_recorded_of_each(
    record: Record, trained: tuple[Path, Path, RunSpec], tmp_path: Path
) -> None:
    _, data, _ = trained
    evaluate_records([record], data, tmp_path / "part.csv", part=Fraction(1, 4))
    told = pd.read_csv(tmp_path / "part.csv")
    frames = load(data / "test").frames["action"].value_counts()
    looked_at = set(told["convention"].str.rpartition("/")[2])
    assert len(looked_at) == 2
    assert frames[list(looked_at)].max() == frames.min()
    assert {"human36m/test/last", "pooled/test/last"} <= set(told["convention"].str.rpartition("/")[0])
    assert (told["here"] - told["recorded"]).abs().max() < 0.01
    assert read_states("", [tmp_path / "part.csv"]) == {str(record.folder): State(EVALUATED)}


def test_other_weights_are_noticed(record: Record, trained: tuple[Path, Path, RunSpec], tmp_path: Path) -> None:
    _, data, spec = trained
    weights = load_weights(Path(record.weights))
    name = next(name for name, x in weights.items() if x.ndim == 2)
    save_weights(Path(record.weights), weights | {name: weights[name] * 1.5})
    found = state(record, data, spec, tmp_path)
    assert found.state == DIFFERS
    assert "mpjpe, human36m/test/last: " in found.why
    states = {str(record.folder): found}
    assert in_words(states, [str(record.folder), "another"]) == (
        "2 records: 1 evaluated here, 0 with the recorded result"
    )
    assert faults(states) == [f"{record.folder}: differs: {found.why}"]


def test_weights_that_no_longer_fit_are_a_record_that_differs(
    record: Record, trained: tuple[Path, Path, RunSpec], tmp_path: Path
) -> None:
    _, data, spec = trained
    weights = load_weights(Path(record.weights))
    save_weights(Path(record.weights), dict(list(weights.items())[1:]))
    found = state(record, data, spec, tmp_path)
    assert found.state == DIFFERS
    assert "its weights are not those of the network" in found.why


def test_flip_averaging_left_out_is_noticed_by_an_accuracy(
    record: Record, trained: tuple[Path, Path, RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, data, spec = trained
    monkeypatch.setattr(lifting_records, "predict", lambda model, split, flip: predict(model, split, flip_test=False))
    assert state(record, data, spec, tmp_path).state == DIFFERS


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: replace(s, hyper=s.hyper | {"depth": 1}), "it was trained by another hyper"),
        (lambda s: replace(s, recipe=replace(s.recipe, learning_rate=1e-3)), "it was trained by another recipe"),
        (lambda s: replace(s, conditions=(Boxes("detected"),)), "it was not judged on detected-boxes"),
    ],
)
def test_a_record_of_another_training_is_stale(
    record: Record, trained: tuple[Path, Path, RunSpec], tmp_path: Path, change: object, why: str
) -> None:
    _, data, spec = trained
    assert state(record, data, change(spec), tmp_path) == State(STALE, why)


def test_a_network_that_computes_something_else_makes_a_record_stale(
    record: Record, trained: tuple[Path, Path, RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a swapped scan order does; an edit that computes the same does not."""
    _, data, spec = trained
    swapped = measured.network_fingerprint(spec.variant, spec.hyper | {"scan": "fs-ft"})
    monkeypatch.setattr(measured, "network_fingerprint", lambda name, hyper: swapped)
    measured._KNOWN.clear()
    found = state(record, data, spec, tmp_path)
    measured._KNOWN.clear()
    assert found == State(STALE, "its network's output is not what it was")


def test_large_weights_are_not_kept(
    trained: tuple[Path, Path, RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data, _ = trained
    monkeypatch.setattr(measured, "LARGEST", 1000)
    kept = Record.in_folder(tmp_path / "synthetic-sh-like/posemamba-s/posemamba/seed0")
    keep(run, data, kept.folder)
    assert kept.weights is None
    assert np.isfinite(pd.read_csv(kept.scores)["value"]).all()


# ---- networks that find poses in videos

HEAD = Experiment.named("video-synthetic", "glsmamba-b", "glsmamba")
ENCODER = Experiment.named("video-synthetic", "vitpose-b", "pretraining")
FEW_STEPS = "override={video: {steps: 4, batch: 4, draws: 1, pretraining: {steps: 8, batch: 4}}}"


@dataclass(frozen=True)
class Filmed:
    """A network that reads a frozen encoder: their runs, by experiment, on videos that both were trained on."""

    data: Path
    runs: dict[Experiment, Path]
    specs: dict[Experiment, RunSpec]

    def record(self, root: Path, experiment: Experiment) -> Record:
        """Where the record of one of them goes."""
        return Record.in_folder(
            root / f"records/small/{experiment.dataset}/{experiment.variant}/{experiment.recipe}/seed0"
        )

    def keep(self, root: Path) -> Record:
        """Keep both, the encoder first; the network's."""
        for experiment in (ENCODER, HEAD):
            keep(self.runs[experiment], self.data, self.record(root, experiment).folder)
        return self.record(root, HEAD)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Filmed:
    folder = tmp_path_factory.mktemp("filmed")
    prepare_video("video-synthetic", folder / "data", options={"train": 8, "val": 3, "frames": 6, "size": [128, 96]})
    plan = make_plan(read_config(["variants=all", FEW_STEPS]))
    specs = {experiment: plan.spec(experiment, 0) for experiment in (ENCODER, HEAD)}
    runs = {experiment: folder / experiment.variant for experiment in specs}
    train(Job(specs[ENCODER], folder / "data", runs[ENCODER], folder / "state"))
    start = {"weights": runs[ENCODER] / "weights.safetensors", "features": folder / "features"}
    write_features(plan.features(HEAD.dataset, ENCODER.variant), folder / "data", start["weights"], start["features"])
    train(Job(specs[HEAD], folder / "data", runs[HEAD], folder / "other", **start))
    return Filmed(folder / "data", runs, specs)


def test_a_network_on_video_is_kept_without_the_encoder_that_it_reads(
    filmed: Filmed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "HALVED", 100)  # of so few persons one more or less is a lot
    record = filmed.keep(tmp_path)
    assert record.encoder == filmed.record(tmp_path, ENCODER)
    weights, encoder = (load_weights(Path(path)) for path in (record.weights, record.encoder.weights))
    assert not any(name.startswith("encoder.") for name in weights)
    assert {x.dtype for x in [*weights.values(), *encoder.values()] if x.is_floating_point()} == {torch.float16}
    trained = load_weights(filmed.runs[HEAD] / "weights.safetensors")
    assert weights.keys() | {name for name in encoder if name.startswith("encoder.")} == trained.keys()
    found = state(record, filmed.data, filmed.specs[HEAD], tmp_path)
    assert found == State(EVALUATED)
    told = pd.read_csv(tmp_path / "evaluated.csv")
    assert set(told["convention"]) == {f"poseval+{b}/val/last" for b in (
        "gt-boxes", "detected-boxes", "detected-boxes+copies", "detected-boxes+shuffled"
    )}  # fmt: skip
    assert (told["here"] - told["recorded"]).abs().max() < 1e-6


def test_a_network_on_hrnet_reads_another_map_than_hrnet_gives(filmed: Filmed, tmp_path: Path) -> None:
    """FAMI-Pose looks before the last layer: its encoder is kept once, and looks again for it."""
    plan = make_plan(read_config(["variants=all", FEW_STEPS]))
    pretraining = Experiment(HEAD.dataset, "hrnet-w48", "pretraining-hrnet")
    head = Experiment(HEAD.dataset, "fami-pose-narrowed", "fami-pose")
    given = {}
    for experiment in (pretraining, head):
        run, record = tmp_path / experiment.variant, filmed.record(tmp_path, experiment)
        train(Job(plan.spec(experiment, 0), filmed.data, run, tmp_path / f"state-{experiment.variant}", **given))
        given = {"weights": run / "weights.safetensors"}
        keep(run, filmed.data, record.folder)
    assert record.encoder == filmed.record(tmp_path, pretraining)
    assert not any(name.startswith("encoder.") for name in load_weights(Path(record.weights)))
    told = pd.read_csv(evaluated(record, filmed.data, tmp_path))
    assert (told["here"] - told["recorded"]).abs().max() < 1e-6
    assert told["why"].isna().all()


def test_of_videos_a_part_of_the_kinds_of_boxes_is_looked_at(filmed: Filmed, tmp_path: Path) -> None:
    record = filmed.keep(tmp_path)
    evaluate_records([record], filmed.data, tmp_path / "part.csv", part=Fraction(1, 4))
    assert list(pd.read_csv(tmp_path / "part.csv")["convention"]) == ["poseval+gt-boxes/val/last"]


def test_a_network_whose_encoder_is_not_kept_says_so(filmed: Filmed, tmp_path: Path) -> None:
    absent = filmed.record(tmp_path, ENCODER)
    with pytest.raises(InputError, match=f"the record of its encoder, {absent.folder}, is absent"):
        keep(filmed.runs[HEAD], filmed.data, filmed.record(tmp_path, HEAD).folder)
    record = filmed.keep(tmp_path)
    shutil.rmtree(absent.folder)
    found = state(record, filmed.data, filmed.specs[HEAD], tmp_path)
    assert found.state == DIFFERS
    assert f"the record of its encoder, {absent.folder}, is absent" in found.why


def test_another_encoder_is_noticed(filmed: Filmed, tmp_path: Path) -> None:
    record = filmed.keep(tmp_path)
    path = Path(record.encoder.weights)
    save_weights(path, {name: 1.5 * x if name.endswith("norm.weight") else x for name, x in load_weights(path).items()})
    assert "its encoder differs" in pd.read_csv(evaluated(record, filmed.data, tmp_path))["why"].iloc[0]
    with pytest.raises(InputError, match="the run read another encoder than"):
        keep(filmed.runs[HEAD], filmed.data, record.folder)


def test_an_encoder_that_would_be_trained_otherwise_makes_its_readers_stale(filmed: Filmed, tmp_path: Path) -> None:
    record = filmed.keep(tmp_path)
    encoder = filmed.specs[ENCODER]
    changed = replace(encoder, recipe=replace(encoder.recipe, learning_rate=1e-5))
    recompute([(record, filmed.specs[HEAD]), (record.encoder, changed)], tmp_path / "recomputed.csv")
    why = "it was trained by another recipe"
    assert read_states(tmp_path / "recomputed.csv", []) == {
        str(record.folder): State(STALE, f"its encoder: {why}"), str(record.encoder.folder): State(STALE, why)
    }  # fmt: skip


@pytest.mark.parametrize("study", ["posemamba", "glsmamba", "open-video"])
def test_a_choice_of_studies_makes_no_record_stale(study: str) -> None:
    """Though tables of fewer studies show fewer boxes."""
    plan = make_plan(read_config([f"studies={study}", "scale=small", "motion=cmu", "variants=all"]))
    for record in records("small"):
        assert not departure(record.spec, plan.spec(record.experiment, record.seed)), record.folder
