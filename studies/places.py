"""Where every file lies, relative to the checkout: each path stands here once.

Templates keep the wildcards of the workflow's rules: {dataset}, {variant}, {recipe}, {seed}, {encoder}, {family} and
{source}.
Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from dataclasses import dataclass
from pathlib import Path

from studies.data import Experiment

RAW = "data/raw"
PREPARED_DATA = "data/prepared"
PREPARED = f"{PREPARED_DATA}/{{dataset}}"
FETCHED = f"{RAW}/{{source}}.fetched.json"
RUNS, STATE, FEATURES, LOGS = (f"results/{name}" for name in ("runs", ".state", "features", "logs"))
FORECAST = "results/forecast"
RECORDS = "records"  # committed: what was trained before
EVALUATED = "results/records/evaluated/{dataset}.csv"  # what those of one data set give on this machine
POSES = "results/records/evaluated/{dataset}.npz"  # what some of them predict, for pages to play
RECOMPUTED = "results/records/fingerprints.csv"  # whether today's code computes what they were trained by
NOISE = "results/noise.csv"
FIRST_STEPS = "results/first-steps.csv"
MOTIONS = "results/motions"  # .csv and .md
# At full paper size, whatever the scale.
EFFICIENCY = "results/efficiency"
COUNTS, EXCLUDED, COUNT_PARTS, SPEED = (
    f"{EFFICIENCY}/{{family}}-{name}.csv" for name in ("counts", "excluded", "count-parts", "speed")
)
SCAN_ORDERS = f"{EFFICIENCY}/scan_orders.npz"
PARTS = f"{EFFICIENCY}/parts.csv"
EVIDENCE = f"{EFFICIENCY}/evidence.json"
FINGERPRINTS = f"{EFFICIENCY}/fingerprints.csv"
SPEED_RATIOS = f"{EFFICIENCY}/speed-ratios.csv"
FRAMES_CURVE, TOKENS_CURVE = f"{EFFICIENCY}/scaling", f"{EFFICIENCY}/tokens"
BASELINE = "baselines/quick-cpu.csv"
KEPT_COUNTS, KEPT_LEFT_OUT, KEPT_PARTS = (f"baselines/{name}.csv" for name in ("counts", "left-out", "count-parts"))
SNAKEMAKE = ".snakemake"
# Written by a run of the workflow. The folders in them as well: another user may have made those, as root did in a run
# with sudo. Raw data are only read.
WRITTEN = (
    *("results", RUNS, LOGS, STATE, "data", SNAKEMAKE),
    *(f"{SNAKEMAKE}/{name}" for name in ("locks", "metadata", "incomplete", "log", "scripts", "runs")),
)
RUN_JSON = "run.json"  # the last file of a run
KEPT_NOTE = "kept.json"  # in its folder: that it is a record now
WEIGHTS = "weights.safetensors"  # of its last epoch


@dataclass(frozen=True)
class Places:
    """Files of one scale, and of the report on one motion."""

    scale: str
    motion: str

    @property
    def report(self) -> str:
        """Folder of measurements, tables, figures and pages."""
        return f"results/{self.scale}/{self.motion}"

    @property
    def measurements(self) -> str:
        return f"{self.report}/measurements.csv"

    @property
    def count_parts(self) -> str:
        """What each count is made of."""
        return f"{self.report}/count-parts.csv"

    @property
    def comparisons(self) -> str:
        return f"{self.report}/comparisons.csv"

    @property
    def boards(self) -> str:
        """Leaderboards: every pair of their rows, and the ranks that follow."""
        return f"{self.report}/boards.json"

    @property
    def orders(self) -> list[str]:
        """`orders.csv`, and the same as lists to read and to print."""
        return [f"{self.report}/orders.csv", *(f"{self.report}/tables/orders.{kind}" for kind in ("md", "tex"))]

    @property
    def cells(self) -> str:
        return f"{self.report}/cells.csv"

    @property
    def record_states(self) -> str:
        """What became of each record that is shown."""
        return f"{self.report}/records.csv"

    @property
    def heatmaps(self) -> str:
        return f"{self.report}/heatmaps.npz"

    @property
    def site(self) -> str:
        return f"{self.report}/site"

    @property
    def crate(self) -> str:
        return f"{self.report}/ro-crate-metadata.json"

    @property
    def audit(self) -> list[str]:
        """`audit.json` first."""
        return [f"{self.report}/audit/{name}" for name in ("audit.json", "claims.csv", "findings.csv")]

    @property
    def experiment(self) -> str:
        """Folder of an experiment: a folder a seed, and what is scored of all of them."""
        return f"{RUNS}/{self.scale}/{{dataset}}/{{variant}}/{{recipe}}"

    @property
    def run(self) -> str:
        return f"{self.experiment}/seed{{seed}}"

    @property
    def scores(self) -> str:
        return f"{self.experiment}/scores.csv"

    @property
    def resamples(self) -> str:
        return f"{self.experiment}/resamples.npz"

    @property
    def groups(self) -> str:
        return f"{self.experiment}/groups.csv"

    @property
    def record(self) -> str:
        """Folder of a run that is kept."""
        return f"{RECORDS}/{self.scale}/{{dataset}}/{{variant}}/{{recipe}}/seed{{seed}}"

    @property
    def states(self) -> str:
        """Folder of what killed trainings of an experiment go on from."""
        return f"{STATE}/{self.scale}/{{dataset}}/{{variant}}/{{recipe}}"

    @property
    def features(self) -> str:
        """Folder of what a frozen encoder sees of a data set."""
        return f"{FEATURES}/{self.scale}/{{dataset}}/{{encoder}}"

    def log(self, name: str) -> str:
        """Log of a job that there is once a report."""
        return f"{LOGS}/{name}-{self.scale}-{self.motion}.log"

    def of_experiment(self, template: str, experiment: Experiment) -> str:
        """A template's file for one experiment."""
        return template.format(**vars(experiment))

    def of_run(self, experiment: Experiment, seed: int, file: str = RUN_JSON) -> str:
        """A file of one run."""
        return f"{self.run.format(**vars(experiment), seed=seed)}/{file}"


def experiment_of(path: str | Path) -> Experiment | None:
    """The experiment that a file below RUNS belongs to; None for any other file."""
    parts = Path(path).parts
    return Experiment.named(*parts[3:6]) if len(parts) > 6 and Path(*parts[:2]) == Path(RUNS) else None


def run_of(path: str | Path) -> tuple[Experiment, int] | None:
    """The run that a file below RUNS belongs to; None for any other file."""
    experiment, folder = experiment_of(path), Path(path).parent.name
    return (experiment, int(folder.removeprefix("seed"))) if experiment and folder.startswith("seed") else None
