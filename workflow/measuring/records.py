"""Records (`studies.records`): how a finished run becomes one, and what becomes of it on this machine."""

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from base.errors import InputError
from base.files import read_csv, read_json, write_arrays, write_rows, write_text
from base.folders import whole_folder
from datasets.lifting import Split, load
from studies.measurements import COLUMNS
from studies.places import RUN_JSON, WEIGHTS
from studies.predictions import JOINTS, Predicted, read_predictions
from studies.recipes import RunSpec
from studies.records import PLAYED, ROWS, SELECTION, TOLERANCES, Record
from training.checkpoints import load_weights, save_weights
from training.evaluate import predict
from training.run import build_model
from workflow.measuring.fingerprints import loss_fingerprint, network_fingerprint, step_fingerprint
from workflow.measuring.lifting_scores import LiftingScorer
from workflow.measuring.scores import Predictions, Run, Score, scores_of, write_scored

COMPUTES = "computes"  # key of run.json: what the code that trained a record computed
LARGEST, LARGEST_OF_OTHER_SEEDS = 1 << 20, 128 << 10  # bytes of weights that are kept, and of seeds after the first
HALVED = 0.1  # mm or points that half precision may cost; the scores are those of what is kept
TEST = "test"
SAME = 1e-6  # fingerprints are of size 1, and computed in float64


@dataclass(frozen=True)
class Evaluated:
    """A number of a record beside what its weights give on this machine: a row of a file of `Places.evaluated`.

    why : what else differs, as the data
    """

    folder: str
    metric: str
    convention: str
    recorded: float
    here: float
    why: str = ""


@dataclass(frozen=True)
class Recomputed:
    """Whether the code computes what a record was trained by; why: not so. A row of `Places.recomputed`."""

    folder: str
    why: str = ""


def keep(run: Path, data: Path, record: Path) -> None:
    """Make a finished run a record: description and curve, scores of the last epoch, weights where they are small.

    data : the prepared data set that it was trained and judged on
    The scores are those of the weights that are kept, in half precision where that moves no headline by more than
    HALVED.
    """
    finished, scorer = _last_epoch(Run.read(run)), LiftingScorer(data)
    trained = {p: arrays for p, arrays in read_predictions(run).items() if p.selection == SELECTION}
    weights = load_weights(run / WEIGHTS)
    kept = {name: x.half() if x.is_floating_point() else x for name, x in weights.items()}
    scores, exact = (
        [*scores_of(finished, scorer, predicted)]
        for predicted in (evaluate(finished.spec, kept, scorer.splits), trained)
    )
    if any(abs(value - headlines(exact)[key]) > HALVED for key, value in headlines(scores).items()):
        kept, scores = weights, exact
    written = read_json(run / RUN_JSON)
    written["selected"] = {SELECTION: written["selected"][SELECTION]}
    written[COMPUTES] = {**fingerprints(finished.spec), "data": data_fingerprint(data)}
    with whole_folder(record) as folder:
        write_scored([(replace(finished, folder=record), scores)], scorer, folder / "scores.csv")
        shutil.copyfile(run / "history.csv", folder / "history.csv")
        if sum(x.numel() * x.element_size() for x in kept.values()) <= _largest(finished.spec):
            save_weights(folder / WEIGHTS, kept)
        write_text(folder / RUN_JSON, json.dumps(written, indent=1) + "\n")


def _last_epoch(run: Run) -> Run:
    return replace(run, selected={SELECTION: run.selected[SELECTION]})


def _largest(spec: RunSpec) -> int:
    return LARGEST_OF_OTHER_SEEDS if spec.seed else LARGEST


def headlines(scores: Iterable[Score]) -> dict[tuple[str, str], float]:
    """Numbers that a record is held to, by metric and convention."""
    return {(s.metric, s.convention): s.value for s in scores if s.metric in TOLERANCES}


def by_action(scores: Iterable[Score]) -> dict[tuple[str, str], float]:
    """The same within each action, whose name ends the convention."""
    held = [score for score in scores if score.metric in TOLERANCES]
    return {(s.metric, f"{s.convention}/{group.group}"): group.value for s in held for group in s.groups}


def evaluate(spec: RunSpec, weights: dict[str, Tensor], splits: Mapping[str, Split]) -> Predictions:
    """What a network of these weights, of any precision, predicts for splits by name."""
    model = build_model(spec)
    try:
        model.load_state_dict(weights)  # copies, and so makes them float32 again
    except RuntimeError:
        raise InputError("its weights are not those of the network") from None
    flip = spec.recipe.flip_test
    return {Predicted(SELECTION, name): {JOINTS: predict(model, split, flip)} for name, split in splits.items()}


def evaluate_records(
    records: Iterable[Record], data: Path, path: Path, played: Collection[Record] = (), part: Fraction = Fraction(1)
) -> None:
    """Evaluate records of one data set again, and write rows of Evaluated as CSV.

    part : share of the actions of each split that are looked at, each held to what was recorded of it
    What those that are `played` predict in the first frames of each test sequence, whose rows are ROWS, stays beside
    them as npz: (n, J, 3) normalised, under the record's folder.
    """
    torch.set_num_threads(1)
    scorer, today, rows = LiftingScorer(data, part), data_fingerprint(data), []
    numbers, recorded = (by_action, _recorded_by_action) if part < 1 else (headlines, _recorded)
    shown = np.flatnonzero(scorer.splits[TEST].frames.groupby("sequence").cumcount() < PLAYED)
    kept = {ROWS: shown}
    for record in records:
        run = Run.read(record.folder)
        predictions, why = _predictions(record, run.spec, scorer.splits)
        here = numbers(scores_of(run, scorer, predictions)) if predictions else {}
        if not why and read_json(record.folder / RUN_JSON)[COMPUTES]["data"] != today:
            why = "the data are others"
        rows += _evaluated(record, recorded(record), here, why)
        if record in played and predictions:
            kept[str(record.folder)] = predictions[Predicted(SELECTION, TEST)][JOINTS][shown]
    write_arrays(path.with_suffix(".npz"), kept)
    write_rows(path, Evaluated, rows)


def _predictions(record: Record, spec: RunSpec, splits: Mapping[str, Split]) -> tuple[Predictions, str]:
    """What a record's weights predict here, or why nothing."""
    try:
        return evaluate(spec, load_weights(Path(record.weights)), splits), ""
    except InputError as error:
        return {}, str(error)


def _recorded(record: Record) -> pd.Series:
    """What `headlines` gave when the record was made."""
    return _held(read_csv(record.scores, COLUMNS, numbers=("value",)))


def _recorded_by_action(record: Record) -> pd.Series:
    """What `by_action` gave then."""
    table = read_csv(record.groups, ("metric", "convention", "group", "value"), numbers=("value",))
    return _held(table.assign(convention=table["convention"] + "/" + table["group"]))


def _held(table: pd.DataFrame) -> pd.Series:
    return table[table["metric"].isin(TOLERANCES)].set_index(["metric", "convention"])["value"]


def _evaluated(
    record: Record, recorded: pd.Series, here: Mapping[tuple[str, str], float], why: str
) -> Iterator[Evaluated]:
    """Rows of a record; where only a part was looked at, of what is in it."""
    for (metric, convention), value in recorded.items():
        if (metric, convention) in here or not here:
            yield Evaluated(str(record.folder), metric, convention, value, here.get((metric, convention), np.nan), why)


def recompute(records: Iterable[tuple[Record, RunSpec]], path: Path) -> None:
    """Hold what today's code computes against what records were trained by; spec: what would be trained today."""
    torch.set_num_threads(1)
    write_rows(path, Recomputed, [Recomputed(str(record.folder), _changed(record, spec)) for record, spec in records])


def _changed(record: Record, spec: RunSpec) -> str:
    """What of a record's training is not what it was; empty where nothing is."""
    written = read_json(record.folder / RUN_JSON)
    then = RunSpec.from_json(written["spec"])
    fields = ("hyper", "recipe", "conditions")
    if other := [name for name in fields if getattr(then, name) != getattr(spec, name)]:
        return f"it was trained by another {other[0]}"
    now = fingerprints(spec)
    moved = [name for name, value in now.items() if abs(written[COMPUTES].get(name, np.inf) - value) > SAME]
    return f"its {moved[0]} is not what it was" if moved else ""


_KNOWN: dict[str, dict[str, float]] = {}  # of experiments, which differ by seeds alone


def fingerprints(spec: RunSpec) -> dict[str, float]:
    """What a training computes, whatever code computes it: the network and its gradient, the loss, the optimiser."""
    key = str(spec.experiment)
    if key not in _KNOWN:
        network = {f"network's {name}": v for name, v in network_fingerprint(spec.variant, spec.hyper).items()}
        steps = {"loss": loss_fingerprint(spec.recipe), "optimiser's step": step_fingerprint(spec.recipe)}
        _KNOWN[key] = network | steps
    return _KNOWN[key]


def data_fingerprint(data: Path) -> dict[str, float]:
    """Means over prepared data, by split and array: the same data have the same on every machine."""
    return {
        f"{split.name}/{name}": round(float(np.mean(np.asarray(array, dtype=np.float64))), 4)
        for split in sorted(data.iterdir())
        if split.is_dir()
        for name, array in (("keypoints", load(split).keypoints), ("joints", load(split).joints))
    }
