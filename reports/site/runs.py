"""Runs as pages see them: what each left behind, and the page that every number made of it links to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from base.files import read_csv, read_json
from reports.commands import file, make
from reports.measurements import Choice, label_of
from studies.data import VIDEO, Dataset
from studies.data import Experiment as Named
from studies.places import RUN_JSON, WEIGHTS, Places

FIRST = ("mpjpe", "ap")  # what a run is known by: of lifting, of video
RETRAIN = "train its run again (`make resume`)"


@dataclass(frozen=True)
class Run:
    """One run: its folder as measurements name it, its seed, `run.json` and `history.csv` (empty if moved away)."""

    folder: str
    seed: int
    about: dict
    history: pd.DataFrame

    @property
    def weights(self) -> bool:
        """Whether they are there to be evaluated again."""
        return Path(self.folder, WEIGHTS).is_file()

    @property
    def minutes(self) -> float:
        return self.about.get("seconds", {}).get("whole", 0) / 60


@dataclass(frozen=True)
class Experiment:
    """All runs of a variant on a data set by a recipe at a scale; kept: whether they are records."""

    scale: str
    dataset: str
    variant: str
    recipe: str
    label: str
    runs: tuple[Run, ...]
    numbers: pd.DataFrame = field(repr=False)
    kept: bool = False

    @property
    def motion(self) -> str:
        return Dataset.parse(self.dataset).motion

    @property
    def train(self) -> str:
        """What trains all runs again, from a clone at their revision, with the variant's other recipes and data."""
        return make("train", self.scale, self.motion, variants=self.variant, seeds=",".join(map(str, self.seeds)))

    def train_alone(self, run: Run) -> str:
        """What trains a run again, and nothing beside it."""
        places, experiment = Places(self.scale, self.motion), Named.named(*self.key)
        return file(places.of_run(experiment, run.seed), self.scale, self.motion)

    @property
    def seeds(self) -> dict[int, Run]:
        return {run.seed: run for run in self.runs}

    def scores(self, selection: str) -> dict[int, float]:
        """What its tables show first, P1 in mm or AP in per cent, by seed; selection: which epoch."""
        rows = self.numbers[
            self.numbers["metric"].isin(FIRST) & self.numbers["convention"].str.endswith(f"/{selection}")
        ]
        own = rows[rows["convention"] == rows["convention"].iloc[0]] if len(rows) else rows
        return {int(row.seed): row.value for row in own.itertuples()}

    def facts(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        """What all runs have in common, and by run what they have not."""
        by_run = [_facts(run) for run in self.runs]
        names = dict.fromkeys(name for facts in by_run for name in facts)
        columns = {name: [facts.get(name, "–") for facts in by_run] for name in names}
        common = {name: texts[0] for name, texts in columns.items() if len(set(texts)) == 1}
        return common, {name: texts for name, texts in columns.items() if name not in common}

    def groups(self, selection: str) -> dict[str, pd.DataFrame]:
        """Errors by action, sequence or activity, means over seeds: kind -> groups as rows, metrics as columns.

        selection : which epoch; empty where its folder was moved away, or for networks on video.
        """
        places = {place for run in self.runs for place in (Path(run.folder), Path(run.folder).parent)}
        paths = sorted(path for place in places if (path := place / "groups.csv").is_file())
        if not paths:
            return {}
        columns = ("convention", "kind", "group", "metric", "value")
        rows = pd.concat([read_csv(path, columns, RETRAIN, dtype={"group": str}) for path in paths])
        first = rows.loc[rows["convention"].str.endswith(f"/test/{selection}"), "convention"]
        if first.empty:
            return {}
        mine = rows[rows["convention"] == first.iloc[0]]
        return {
            kind: table.pivot_table(index="group", columns="metric", values="value", sort=False)
            for kind, table in mine.groupby("kind", sort=False)
        }

    @property
    def page(self) -> str:
        return page_of(self.key, self.kept)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.dataset, self.variant, self.recipe


def page_of(experiment: tuple[str, str, str], kept: bool) -> str:
    """The page of an experiment's runs, each at `#seed<k>`; experiment: dataset, variant, recipe."""
    return f"{'records' if kept else 'runs'}/{'.'.join(experiment)}.html"


def experiments(measurements: pd.DataFrame, choice: Choice) -> list[Experiment]:
    """Experiments behind the measurements of a choice, by data set, in the order of the file.

    Raises InputError for a `run.json` that is no JSON.
    """
    mine = measurements[(measurements["run"] != "") & (measurements["scale"] == choice.scale)]
    found = []
    for key, numbers in mine.groupby(["scale", "dataset", "variant", "recipe"], sort=False):
        runs = tuple(_runs(numbers))
        found.append(Experiment(*key, label_of(key[2]), runs, numbers, choice.kept))
    return sorted(found, key=lambda e: (Dataset.parse(e.dataset).kind == VIDEO, e.dataset))


def run_links(found: list[Experiment]) -> dict[str, str]:
    """Run folder -> its place on a page of the site."""
    return {run.folder: f"{e.page}#seed{run.seed}" for e in found for run in e.runs}


def _runs(numbers: pd.DataFrame) -> Iterator[Run]:
    for folder, seed in numbers[["run", "seed"]].drop_duplicates().sort_values("seed").itertuples(index=False):
        yield Run(folder, int(seed), _about(Path(folder)), _history(Path(folder)))


def _facts(run: Run) -> dict[str, str]:
    """How a run was made, as (name, text); empty where its folder was moved away."""
    about = run.about
    if not about:
        return {}
    hardware = about.get("hardware", {})
    chosen = [f"{name}: {at['epoch']}" for name, at in about.get("selected", {}).items()]
    facts = {
        "Time": f"{run.minutes * 60:.1f} s",
        "Epochs chosen": ", ".join(chosen),
        "Revision": about.get("revision", ""),
        "Device": f"{hardware.get('device', '–')}, threads: {hardware.get('threads', '?')}",
        "Selective scan": about.get("backend", ""),
        "Versions": ", ".join(f"{name} {version}" for name, version in about.get("versions", {}).items()),
    }
    return {name: text for name, text in facts.items() if text}


def _about(run: Path) -> dict:
    """What a run says of itself; empty where its folder was moved away since."""
    path = run / RUN_JSON
    if not path.is_file():
        return {}
    return read_json(path, "delete the run's folder and train again")


def _history(run: Path) -> pd.DataFrame:
    path = run / "history.csv"
    return read_csv(path, (), RETRAIN) if path.is_file() else pd.DataFrame()
