"""Records (`studies.records`): how a finished run becomes one, and what becomes of it on this machine."""

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from base.errors import InputError
from base.files import read_csv, read_json, write_arrays, write_rows, write_text
from base.folders import whole_folder
from studies.data import VIDEO
from studies.measurements import COLUMNS
from studies.places import RUN_JSON, WEIGHTS
from studies.predictions import read_predictions
from studies.recipes import PRETRAININGS, RunSpec
from studies.records import SELECTION, TOLERANCES, Record, departure
from training.checkpoints import checksum, halved, load_weights, save_weights
from workflow.measuring.fingerprints import loss_fingerprint, network_fingerprint, step_fingerprint
from workflow.measuring.lifting_records import LiftingRecords
from workflow.measuring.scores import Predictions, Run, Score, Scorer, scores_of, write_scored
from workflow.measuring.video_records import VideoRecords, of_encoder, weights_of

COMPUTES = "computes"  # key of run.json: what the code that trained a record computed
DATA, ENCODER = "data", "encoder"  # keys in it: of what the network was trained on, and what it starts from
OTHERS = {DATA: "the data differ", ENCODER: "its encoder differs"}  # where those are not what they were
LARGEST, LARGEST_ON_VIDEO = 1 << 20, 512 << 10  # bytes of weights that are kept
LARGEST_OF_OTHER_SEEDS = 128 << 10  # after the first
LARGEST_OF_ENCODERS = 4 << 20  # without which no network that reads one could be evaluated
HALVED = 0.1  # mm or points that half precision may cost; the scores are those of what is kept
SAME = 1e-6  # fingerprints are of size 1, and computed in float64


class Judge(Protocol):
    """Prepared data of one kind, on which records are evaluated.

    by_group : whether what it looks at is held to what was recorded of each action
    """

    scorer: Scorer
    by_group: bool

    def predict(self, record: Record, spec: RunSpec, weights: Mapping[str, Tensor]) -> Predictions:
        """What the network of a record's weights, of any precision, predicts. Raises InputError where it cannot."""

    def shown(self, predictions: Mapping[str, Predictions]) -> dict[str, np.ndarray]:
        """Arrays for pages to play, of predictions by folder."""

    def fingerprint(self) -> dict[str, float]:
        """Numbers that the same data have on every machine."""


def judge_on(data: Path, specs: Sequence[RunSpec], part: Fraction = Fraction(1)) -> Judge:
    """That of the data's kind; specs: of all runs that it will be asked for."""
    return VideoRecords(data, specs, part) if specs[0].dataset.kind == VIDEO else LiftingRecords(data, part)


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
    Weights are in half precision where that moves no headline by more than HALVED, and without a frozen encoder, whose
    own record must be there. The scores are those of the weights that are kept. An older record is replaced.
    """
    finished, place = _last_epoch(Run.read(run)), Record.in_folder(record)
    judge, trained = judge_on(data, [finished.spec]), load_weights(run / WEIGHTS)
    encoder = _own_encoder(trained, place)
    whole = {name: x for name, x in trained.items() if not (encoder and name.startswith("encoder."))}
    kept, scores = _smallest(finished, place, judge, whole)
    written = read_json(run / RUN_JSON)
    written["selected"] = {SELECTION: written["selected"][SELECTION]}
    written[COMPUTES] = {**fingerprints(finished.spec), DATA: judge.fingerprint(), **encoder}
    with whole_folder(record, [RUN_JSON], "record") as folder:
        write_scored([(replace(finished, folder=record), scores)], judge.scorer, folder / "scores.csv")
        shutil.copyfile(run / "history.csv", folder / "history.csv")
        if sum(x.numel() * x.element_size() for x in kept.values()) <= _largest(finished.spec):
            save_weights(folder / WEIGHTS, kept)
        write_text(folder / RUN_JSON, json.dumps(written, indent=1) + "\n")


def _own_encoder(weights: Mapping[str, Tensor], place: Record) -> dict[str, str]:
    """What tells a run's frozen encoder from others; empty where it has none.

    Raises InputError where the encoder's record is absent or holds another one.
    """
    if place.encoder is None:
        return {}
    recorded = load_weights(Path(weights_of(place.encoder)))
    if checksum(halved(of_encoder(weights))) != checksum(halved(of_encoder(recorded))):
        remedy = "delete that record or this run, and train again"
        raise InputError(f"{place.folder}: the run read another encoder than {place.encoder.folder} holds; {remedy}")
    return {ENCODER: checksum(recorded)}


def _smallest(
    run: Run, place: Record, judge: Judge, weights: Mapping[str, Tensor]
) -> tuple[Mapping[str, Tensor], list[Score]]:
    """The weights in half precision if the headlines allow it, and their scores."""
    predictions = {p: arrays for p, arrays in read_predictions(run.folder).items() if p.selection == SELECTION}
    exact = headlines(scores_of(run, judge.scorer, predictions))
    for kept in (halved(weights), weights):
        scores = list(scores_of(run, judge.scorer, judge.predict(place, run.spec, kept)))
        if all(abs(value - exact[key]) <= HALVED for key, value in headlines(scores).items()):
            break
    return kept, scores


def _last_epoch(run: Run) -> Run:
    return replace(run, selected={SELECTION: run.selected[SELECTION]})


def _largest(spec: RunSpec) -> int:
    if spec.recipe_name in PRETRAININGS:
        return LARGEST_OF_ENCODERS
    if spec.seed:
        return LARGEST_OF_OTHER_SEEDS
    return LARGEST_ON_VIDEO if spec.dataset.kind == VIDEO else LARGEST


def headlines(scores: Iterable[Score]) -> dict[tuple[str, str], float]:
    """Numbers that a record is held to, by metric and convention."""
    return {(s.metric, s.convention): s.value for s in scores if s.metric in TOLERANCES}


def by_action(scores: Iterable[Score]) -> dict[tuple[str, str], float]:
    """The same within each action, whose name ends the convention."""
    held = [score for score in scores if score.metric in TOLERANCES]
    return {(s.metric, f"{s.convention}/{group.group}"): group.value for s in held for group in s.groups}


def evaluate_records(
    records: Sequence[Record],
    data: Path,
    path: Path,
    played: Collection[Record] = (),
    part: Fraction = Fraction(1),
) -> None:
    """Evaluate records of one data set again, and write rows of Evaluated as CSV.

    part : share of the data that is looked at: of lifting data the actions of each split, of videos the kinds of boxes
    What pages play of those that are `played` stays beside them as npz (`Judge.shown`).
    """
    torch.set_num_threads(1)
    runs = [Run.read(record.folder) for record in records]
    judge = judge_on(data, [run.spec for run in runs], part)
    numbers, recorded = (by_action, _recorded_by_action) if judge.by_group else (headlines, _recorded)
    today, rows, shown = judge.fingerprint(), [], {}
    for record, run in zip(records, runs, strict=True):
        predictions, why = _predictions(record, run.spec, judge)
        here = numbers(scores_of(run, judge.scorer, predictions)) if predictions else {}
        rows += _evaluated(record, recorded(record), here, why or _other(record, today))
        if record in played and predictions:
            shown[str(record.folder)] = predictions
    write_arrays(path.with_suffix(".npz"), judge.shown(shown))
    write_rows(path, Evaluated, rows)


def _predictions(record: Record, spec: RunSpec, judge: Judge) -> tuple[Predictions, str]:
    """What a record's weights predict here, or why nothing."""
    try:
        return judge.predict(record, spec, load_weights(Path(record.weights))), ""
    except InputError as error:
        return {}, str(error)


def _other(record: Record, data: Mapping[str, float]) -> str:
    """What around a record is not what it was; empty where nothing is. data: what the data have today."""
    encoder = {ENCODER: checksum(load_weights(Path(record.encoder.weights)))} if record.encoder else {}
    written = read_json(record.folder / RUN_JSON)[COMPUTES]
    return next((OTHERS[name] for name, value in ({DATA: data} | encoder).items() if written.get(name) != value), "")


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
    whys = {record: _changed(record, spec) for record, spec in records}
    for record in whys:
        if not whys[record] and (why := whys.get(record.encoder)):
            whys[record] = f"its encoder: {why}"
    write_rows(path, Recomputed, [Recomputed(str(record.folder), why) for record, why in whys.items()])


def _changed(record: Record, spec: RunSpec) -> str:
    """What of a record's training is not what it was; empty where nothing is."""
    if why := departure(record.spec, spec):
        return why
    now, written = fingerprints(spec), read_json(record.folder / RUN_JSON)[COMPUTES]
    moved = [name for name, value in now.items() if abs(written.get(name, np.inf) - value) > SAME]
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
