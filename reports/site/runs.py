"""Runs as pages see them: what each left behind, and the page that every number made of it links to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from base.files import read_csv, read_json
from reports.commands import make
from reports.measurements import label_of
from studies.data import VIDEO, Dataset

RETRAIN = "train its run again (`make resume`)"


@dataclass(frozen=True)
class Run:
    """One run: its folder as measurements name it, its seed, `run.json` and `history.csv` (empty if moved away)."""

    folder: str
    seed: int
    record: dict
    history: pd.DataFrame

    @property
    def minutes(self) -> float:
        return self.record.get("seconds", {}).get("whole", 0) / 60

    @property
    def command(self) -> str:
        """What makes this run again, from a clone at its revision."""
        spec = self.record.get("spec")
        if not spec:
            return f"make train  variants= seeds={self.seed}"
        motion = Dataset.parse(spec["dataset"]).motion
        return make("train", spec["scale"], motion, variants=spec["variant"], seeds=self.seed)


@dataclass(frozen=True)
class Experiment:
    """All runs of a variant on a data set by a recipe; `id` names its page."""

    dataset: str
    variant: str
    recipe: str
    label: str
    runs: tuple[Run, ...]
    numbers: pd.DataFrame = field(repr=False)

    def groups(self, selection: str) -> dict[str, pd.DataFrame]:
        """Errors by action, sequence or activity, means over seeds: kind -> groups as rows, metrics as columns.

        selection : which epoch; empty where its folder was moved away, or for networks on video.
        """
        path = Path(self.runs[0].folder).parent / "groups.csv"
        if not path.is_file():
            return {}
        columns = ("convention", "kind", "group", "metric", "value")
        rows = read_csv(path, columns, RETRAIN, dtype={"group": str})
        first = rows.loc[rows["convention"].str.endswith(f"/test/{selection}"), "convention"]
        if first.empty:
            return {}
        mine = rows[rows["convention"] == first.iloc[0]]
        return {
            kind: table.pivot_table(index="group", columns="metric", values="value", sort=False)
            for kind, table in mine.groupby("kind", sort=False)
        }

    @property
    def id(self) -> str:
        return f"{self.dataset}.{self.variant}.{self.recipe}"


def experiments(measurements: pd.DataFrame, scale: str) -> list[Experiment]:
    """Experiments behind the measurements of a scale, by data set, in the order of the file.

    Raises InputError for a `run.json` that is no JSON.
    """
    mine = measurements[(measurements["run"] != "") & (measurements["scale"] == scale)]
    found = []
    for key, numbers in mine.groupby(["dataset", "variant", "recipe"], sort=False):
        runs = tuple(_runs(numbers))
        found.append(Experiment(*key, label_of(key[1]), runs, numbers))
    return sorted(found, key=lambda e: (Dataset.parse(e.dataset).kind == VIDEO, e.dataset))


def run_links(found: list[Experiment], prefix: str = "") -> dict[str, str]:
    """Run folder -> its place on a page of the site."""
    return {run.folder: f"{prefix}runs/{e.id}.html#seed{run.seed}" for e in found for run in e.runs}


def _runs(numbers: pd.DataFrame) -> Iterator[Run]:
    for folder, seed in numbers[["run", "seed"]].drop_duplicates().sort_values("seed").itertuples(index=False):
        yield Run(folder, int(seed), _record(Path(folder)), _history(Path(folder)))


def _record(run: Path) -> dict:
    """What a run says of itself; empty where its folder was moved away since."""
    path = run / "run.json"
    if not path.is_file():
        return {}
    return read_json(path, "delete the run's folder and train again")


def _history(run: Path) -> pd.DataFrame:
    path = run / "history.csv"
    return read_csv(path, (), RETRAIN) if path.is_file() else pd.DataFrame()
