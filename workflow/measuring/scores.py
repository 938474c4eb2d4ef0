"""From the runs of an experiment to its `scores.csv`, `groups.csv` and `resamples.npz`. No torch in here.

Each kind of data has a scorer: `workflow.measuring.lifting_scores`, `workflow.measuring.video_scores`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from base.errors import InputError
from base.files import read_json, write_arrays, write_rows
from studies.measurements import CONDITION, Measurement
from studies.places import RUN_JSON
from studies.predictions import Predicted, read_predictions
from studies.recipes import RunSpec
from studies.scales import PAPER

Predictions = Mapping[Predicted, Mapping[str, np.ndarray]]


class Group(NamedTuple):
    """A metric's value in a group of frames. kind: action, sequence or activity; group: its name."""

    kind: str
    group: str
    value: float


@dataclass(frozen=True)
class Score:
    """One metric of a run's predictions.

    value : None where no frame can give it (a velocity from single frames)
    convention : `<protocol>/<split>`, and `/<selection>` behind it where the selection is known (docs/protocols.md)
    resamples : (R,) its value in resamples of `clusters` takes or videos; None where tables do not compare by it
    """

    metric: str
    value: float | None
    unit: str
    convention: str
    groups: tuple[Group, ...] = ()
    resamples: np.ndarray | None = None
    clusters: int = 0


@dataclass(frozen=True)
class GroupRow:
    """A row of `groups.csv`."""

    seed: int
    convention: str
    metric: str
    unit: str
    kind: str
    group: str
    value: float


@dataclass(frozen=True)
class Run:
    """A finished run, as its `run.json` has it.

    selected : selection -> the epoch that it chose; frames : how much of each split it saw
    """

    folder: Path
    spec: RunSpec
    selected: Mapping[str, int]
    frames: Mapping[str, int]
    device: str
    revision: str

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """The run that a folder holds. Raises InputError for a `run.json` that is damaged or of another version."""
        remedy = f"delete {folder} and run `make` again"
        written = read_json(folder / RUN_JSON, remedy)
        try:
            selected = {selection: chosen["epoch"] for selection, chosen in written["selected"].items()}
            device, revision = written["hardware"]["device"], written["revision"]
            return cls(folder, RunSpec.from_json(written["spec"]), selected, written["frames"], device, revision)
        except (KeyError, TypeError, AttributeError, InputError) as error:
            raise InputError(f"{folder / RUN_JSON}: is not a run of this version ({error}); {remedy}") from None

    def measurement(self, metric: str, value: float | None, unit: str, convention: str) -> Measurement:
        """A number of this run."""
        return Measurement(
            scale=self.spec.scale,
            dataset=str(self.spec.dataset),
            variant=self.spec.variant,
            recipe=self.spec.recipe_name,
            seed=self.spec.seed,
            metric=metric,
            value=value,
            unit=unit,
            convention=convention,
            device=self.device,
            run=self.folder.as_posix(),
            revision=self.revision,
        )


class Scorer(Protocol):
    """What scores the predictions of runs on one prepared data set."""

    def score(self, run: Run, judged: str, answers: Mapping[str, np.ndarray]) -> Sequence[Score]:
        """Every score of the answers (`studies.predictions.read_predictions`) to `judged`, without the selection."""

    def amounts(self, run: Run) -> tuple[int, int]:
        """How much the run was trained on and judged by, as `studies.benchmarks.AMOUNTS` counts it."""


def scores(run: Run, scorer: Scorer) -> Iterator[Score]:
    """All scores of a run, from the predictions in its folder."""
    return scores_of(run, scorer, read_predictions(run.folder))


def scores_of(run: Run, scorer: Scorer, predictions: Predictions) -> Iterator[Score]:
    """Scores of what a run predicted. Selections that chose the same epoch share theirs."""
    judged: dict[tuple[str, int], Sequence[Score]] = {}
    if other := {predicted.selection for predicted in predictions} ^ set(run.selected):
        names = ", ".join(sorted(other))
        raise InputError(
            f"{run.folder}: {RUN_JSON} and the predictions are not of the same selections ({names}); "
            "delete it and run `make` again"
        )
    for predicted, answers in predictions.items():
        if predicted.judged not in run.frames:
            raise InputError(f"{run.folder}: unknown split {predicted.judged!r}; delete it and run `make` again")
        case = predicted.judged, run.selected[predicted.selection]
        if case not in judged:
            try:
                judged[case] = scorer.score(run, predicted.judged, answers)
            except InputError as error:
                raise InputError(f"{run.folder}: {error}") from None
        for score in judged[case]:
            yield replace(score, convention=f"{score.convention}/{predicted.selection}")


def conditions(run: Run, scorer: Scorer) -> Iterator[Measurement]:
    """How much data and training was behind a run at scale `paper`: a number made with less is not the paper's."""
    if run.spec.scale == PAPER:
        train, test = scorer.amounts(run)
        amounts = {"train": train, "test": test, "epochs": run.spec.recipe.epochs, "steps": run.spec.recipe.steps}
        for convention, value in amounts.items():
            yield run.measurement(CONDITION, value, "", convention)


def write_scores(folders: Sequence[Path], scorer: Scorer, path: Path) -> None:
    """Write the scores of an experiment's runs to `path`, as `write_scored`."""
    write_scored([(run, scores(run, scorer)) for run in map(Run.read, folders)], scorer, path)


def write_scored(scored: Iterable[tuple[Run, Iterable[Score]]], scorer: Scorer, path: Path) -> None:
    """Write scores of runs to `path`, and `groups.csv` and `resamples.npz` beside it.

    groups.csv has the fields of GroupRow as columns. resamples.npz holds what tables compare by, as arrays
    `<seed>/<convention>/<metric>` (R,), and how many clusters were resampled as `clusters/<convention>`.
    """
    measurements: list[Measurement] = []
    groups: list[GroupRow] = []
    resamples: dict[str, np.ndarray] = {}
    for run, its_scores in scored:
        for score in its_scores:
            measurements.append(run.measurement(score.metric, score.value, score.unit, score.convention))
            groups += [
                GroupRow(run.spec.seed, score.convention, score.metric, score.unit, *group) for group in score.groups
            ]
            if score.resamples is not None:
                resamples[f"{run.spec.seed}/{score.convention}/{score.metric}"] = np.float32(score.resamples)
                resamples[f"clusters/{score.convention}"] = np.array(score.clusters)
        measurements += conditions(run, scorer)
    write_rows(path, Measurement, measurements)
    write_arrays(path.with_name("resamples.npz"), resamples, compressed=True)  # which is a third less
    write_rows(path.with_name("groups.csv"), GroupRow, groups)
