"""Measurements as tables ask for them: the counts of a variant, the runs behind a cell."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import pandas as pd

from reports.measurements import EFFICIENCY_SCALE, Choice, pick
from reports.records import STATES, State
from studies.recipes import BASELINE_RECIPE
from studies.scales import PAPER
from studies.types import AccuracyColumn, Row, VideoColumn

P1 = "mpjpe"
MEAN_POSE = Row(id="mean-pose", label="", variant="mean-pose", recipe=BASELINE_RECIPE)


class Numbers:
    """Measurements, looked up by what a cell is about.

    measurements: of `reports.measurements.read_measurements`; choice: which of the accuracies are shown
    states: folder -> what became of a record on this machine
    here: what was trained here, where records stand in for it
    """

    def __init__(
        self, measurements: pd.DataFrame, choice: Choice, states: Mapping[str, State] = MappingProxyType({})
    ) -> None:
        self.here = Numbers(measurements, replace(choice, records={})) if choice.records else None
        self.states, self._none = states, measurements.iloc[:0]
        self.failed = choice.failed  # here, also where records stand in for what was trained
        self.choice = choice = choice.evidence
        at_scale = measurements[measurements["scale"] == choice.scale]
        counted = measurements[measurements["scale"] == EFFICIENCY_SCALE]
        self._counted = dict(iter(counted.groupby("variant", sort=False)))
        self._data = dict(iter(at_scale.groupby("dataset", sort=False)))
        self._experiments = dict(iter(at_scale.groupby(["dataset", "variant", "recipe"], sort=False)))

    def counts(self, variant: str, metric: str) -> pd.DataFrame:
        """A metric of a variant at full paper size, a row a convention."""
        return pick(self._counted.get(variant, self._none), metric=metric)

    def data(self, dataset: str) -> pd.DataFrame:
        """All that was measured on a data set."""
        return self._data.get(dataset, self._none)

    def experiment(self, row: Row, column: AccuracyColumn) -> pd.DataFrame:
        """All that was measured of the runs behind a cell."""
        key = (self.choice.column_data(column), row.variant, row.recipe)
        return self._experiments.get(key, self._none)

    def accuracies(self, row: Row, column: AccuracyColumn) -> pd.DataFrame:
        """The measurements behind a cell, a row a seed, by seed; empty where nothing was measured."""
        runs = self.experiment(row, column)
        return pick(runs, metric=column.metric, convention=self.convention(column)).sort_values("seed")

    def learned(self, row: Row, column: AccuracyColumn) -> bool:
        """Whether a network's poses are better than the mean training pose; what has none, as video, is taken to be.

        Judged by P1 whatever the column shows: a pose that never moves has little error of velocity.
        """
        poses = replace(column, metric=P1)
        level, own = (self.accuracies(each, poses)["value"].mean() for each in (MEAN_POSE, row))
        return not own > level

    def record_of(self, folders: Iterable[str]) -> State:
        """What became of the records in some folders, of several the last of STATES; of runs nothing."""
        unknown = State() if self.choice.kept else State("")
        states = [self.states.get(folder, unknown) for folder in folders]
        return max(states, key=lambda state: STATES.index(state.state) if state.state else -1, default=unknown)

    def convention(self, column: AccuracyColumn) -> str:
        """Protocol, split and selection of epochs under which an accuracy column is measured.

        MPI-INF-3DHP's protocol pools all frames, and that is what stands for it on other data.
        """
        protocol = column.protocol
        if isinstance(column, VideoColumn):
            protocol = f"{protocol}+{column.condition}"
        elif protocol == "mpi-inf-3dhp" and self.choice.scale != PAPER:
            protocol = "pooled"
        selection = self.choice.selection if self.choice.kept else column.selection or self.choice.selection
        return f"{protocol}/{column.split}/{selection}"
