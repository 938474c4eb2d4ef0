"""Records: runs that were trained before and are kept in `records/`, for anyone to evaluate or to train again.

A folder a seed (`studies.places`): `run.json` and `history.csv` as training wrote them, `scores.csv`, `groups.csv` and
`resamples.npz` of its last epoch, and `weights.safetensors` where they are small enough to keep. A frozen encoder is a
record of its own: networks that read it are kept without it.
Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from dataclasses import dataclass
from pathlib import Path

from base.files import read_json
from studies.data import BEST_TEST_BY, Experiment
from studies.places import RECORDS, RUN_JSON, WEIGHTS
from studies.recipes import PRETRAINED_SEED, RunSpec
from studies.variants import pretraining, variant

TOLERANCES = {"mpjpe": 0.05, "ap": 0.1}  # metrics that a record is held to, and how far off they may be: mm, points
PLAYED = 60  # first frames of each test sequence in which pages play the poses of some records
ROWS = "rows"  # array of those frames, beside the poses of each record under its folder's name
SELECTION = "last"  # of epochs: a rate that falls to 0 leaves nothing to select, and no test data chose it


@dataclass(frozen=True)
class Record:
    """A kept run of a scale."""

    folder: Path
    experiment: Experiment
    seed: int

    @classmethod
    def in_folder(cls, folder: str | Path) -> "Record":
        """By what a folder is called: `.../<dataset>/<variant>/<recipe>/seed<k>`."""
        *names, seed = Path(folder).parts[-4:]
        return cls(Path(folder), Experiment.named(*names), int(seed.removeprefix("seed")))

    @property
    def run_json(self) -> str:
        return str(self.folder / RUN_JSON)

    @property
    def spec(self) -> RunSpec:
        """What was trained. Raises InputError for a `run.json` of another version."""
        return RunSpec.from_json(read_json(self.folder / RUN_JSON)["spec"])

    @property
    def encoder(self) -> "Record | None":
        """Where the record of the frozen encoder is that its network reads; None where it reads none."""
        start = pretraining(self.experiment)
        if start is None or not variant(self.experiment.variant).frozen:
            return None
        return Record.in_folder(self.folder.parents[2] / start.variant / start.recipe / f"seed{PRETRAINED_SEED}")

    @property
    def scores(self) -> str:
        """Its rows of measurements."""
        return str(self.folder / "scores.csv")

    @property
    def groups(self) -> str:
        """Its scores within actions."""
        return str(self.folder / "groups.csv")

    @property
    def resamples(self) -> str:
        """Its scores in resamples of the takes, by which tables compare."""
        return str(self.folder / "resamples.npz")

    @property
    def history(self) -> str:
        """Its learning curve, a row an epoch."""
        return str(self.folder / "history.csv")

    @property
    def weights(self) -> str | None:
        """What evaluates it again; None where they were too large to keep."""
        path = self.folder / WEIGHTS
        return str(path) if path.is_file() else None


def departure(then: RunSpec, now: RunSpec) -> str:
    """Why a run is not one of that description: another training, or boxes that it was not judged on; empty if it is.

    A run that was judged on more is one: which boxes tables show depends on the studies that were chosen.
    """
    if other := next((name for name in ("hyper", "recipe") if getattr(then, name) != getattr(now, name)), ""):
        return f"it was trained by another {other}"
    unseen = sorted(boxes.in_split for boxes in {*now.conditions} - {BEST_TEST_BY, *then.conditions})
    return f"it was not judged on {', '.join(unseen)}" if unseen else ""


def records(scale: str, root: Path = Path(RECORDS)) -> tuple[Record, ...]:
    """All that are kept of a scale, by name and seed."""
    kept = [Record.in_folder(path.parent) for path in (root / scale).glob(f"*/*/*/seed*/{RUN_JSON}")]
    return tuple(sorted(kept, key=lambda record: (str(record.experiment), record.seed)))
