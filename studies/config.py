"""The config at the door: checked against its schema and against what exists, then a `Config`.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from base.errors import InputError
from base.reading import check_schema, nearest, read_yaml, with_choices
from studies.benchmarks import BENCHMARKS, STANDARD
from studies.data import OUR_DETECTORS, PAPER_DETECTORS, TRUE_KEYPOINTS, Experiment
from studies.load import study_names
from studies.motions import CATALOGUE, motions
from studies.recipes import BASELINE_RECIPE
from studies.scales import PAPER, Scale, scale_named, scale_names
from studies.variants import resolve_variants

FILE = "config.yaml"
LISTS = ("studies", "variants", "seeds", "benchmarks")
ALL, AUTO = "all", "auto"
RENAMED = {"dataset": "motion"}  # keys of earlier versions
COCO = "coco"  # in `weights`: encoders that networks for video start from
# Data sets that official weights may be for.
WEIGHTED = ("human36m-sh", "human36m-cpn", "human36m-gt", "mpi-inf-3dhp-gt", "video-posetrack17", "video-posetrack18",
            "video-posetrack21", "video-jhmdb")  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """What the runs that are still to do may cost; None: no limit."""

    hours: float | None
    disk_gib: float | None


@dataclass(frozen=True)
class Timing:
    """Which variants are timed, in how many passes and seconds at least, on how many threads."""

    variants: list[str]
    runs: int
    seconds: float
    threads: int


@dataclass(frozen=True)
class Config:
    """What to run, as config.yaml explains it; `auto` is replaced by what it stands for.

    scale : with what `override` changes of it
    motion : to train and test on; at scale `paper` the data set that stands for all
    variants, benchmarks : None: all
    trains : recipe by variant, where the scale says which few networks are trained; None: all recipes of `variants`
    weights : published files by data set and variant; forms: of the papers' data; sources: settings of fetching by name
    """

    scale: Scale
    motion: str
    studies: list[str]
    variants: list[str] | None
    trains: Mapping[str, str] | None
    benchmarks: list[str] | None
    seeds: list[int]
    detector: str
    selection: str
    weights: Mapping[str, Mapping[str, str]]
    processes: int
    budget: Budget
    backend: str
    forms: Mapping[str, str]
    sources: Mapping[str, Mapping[str, object]]
    timing: Timing

    @property
    def paper(self) -> bool:
        """Whether all is as the papers have it: their networks, schedules and data."""
        return self.scale.name == PAPER

    def trained(self, experiment: Experiment) -> bool:
        """Whether an experiment is among those that were chosen."""
        if self.trains is None:
            return self.variants is None or experiment.variant in self.variants
        baseline = experiment.recipe == BASELINE_RECIPE
        chosen = baseline or self.trains.get(experiment.variant) == experiment.recipe
        return chosen and experiment.dataset.detector != TRUE_KEYPOINTS

    @property
    def seeds_of_a_job(self) -> int:
        """How many runs of an experiment are trained by one process."""
        return len(self.seeds) if self.scale.seeds_together else 1


def read_config(choices: Sequence[str] | Mapping[str, object] = ()) -> Config:
    """config.yaml with what the command line chose (`base.reading.with_choices`), checked."""
    return checked_config(with_choices(read_yaml(FILE), choices))


def checked_config(written: dict) -> Config:
    """A config of what was written; lists may come from the command line as `a,b` or as one value.

    Raises InputError, one line that names the key or the value and the nearest known one.
    """
    for key in RENAMED.keys() & written.keys():
        raise InputError(f"{FILE}: unknown key {key!r}; it is called {RENAMED[key]!r} now")
    said = written | {key: _as_list(written[key]) for key in LISTS if written.get(key) not in (None, ALL, AUTO)}
    check_schema(said, "config", FILE)
    variants = list(resolve_variants())
    _known([said["scale"]], scale_names(), "value", "scale")
    _known([said["motion"]], list(motions()), "value", "motion")
    _known(said["studies"], study_names(), "study", "studies")
    said |= {"benchmarks": None} if said["benchmarks"] == ALL else {}
    _known((said["variants"] if isinstance(said["variants"], list) else ()), variants, "variant", "variants")
    _known(said["benchmarks"] or (), list(BENCHMARKS), "data set", "benchmarks")
    _known(said["timing"]["variants"], variants, "variant", "timing.variants")
    _known(said["sources"], list(read_yaml(CATALOGUE)), "source", "sources")
    for dataset, files in said["weights"].items():
        _known([dataset], [*WEIGHTED, COCO], "data set", "weights")
        _known(files, variants, "variant", f"weights.{dataset}")
    return _as_meant(said)


def _as_meant(said: dict) -> Config:
    """`auto` replaced by what it stands for."""
    scale = scale_named(said.pop("scale"), said.pop("override"))
    paper, motion = scale.name == PAPER, said.pop("motion")
    detectors = PAPER_DETECTORS if paper else OUR_DETECTORS
    meant = {"detector": detectors[0], "selection": scale.selection or ("best_val" if scale.hold_out else "best_test")}
    said |= {key: value for key, value in meant.items() if said[key] == "auto"}
    said["trains"] = (scale.trains or None) if said["variants"] == AUTO else None
    said |= {"variants": None} if said["variants"] in (ALL, AUTO) else {}
    said |= {"seeds": list(scale.seeds)} if said["seeds"] == AUTO else {}
    said |= {"budget": Budget(**said["budget"]), "timing": Timing(**said["timing"])}
    config = Config(scale=scale, motion=STANDARD if paper else motion, **said)
    if config.detector not in detectors:
        wanted = " or ".join(detectors)
        raise InputError(f"{FILE}: detector: {config.detector!r} is not for scale {scale.name}; say {wanted}")
    if config.selection == "best_val" and not scale.hold_out:
        raise InputError(
            f"{FILE}: selection: best_val needs override.hold_out: true; the papers train on all their training data "
            "and select on test (best_test)"
        )
    if paper:
        _check_files(config.weights)
    return config


def _check_files(weights: Mapping[str, Mapping[str, str]]) -> None:
    for dataset, files in weights.items():
        for variant, file in files.items():
            if not Path(file).is_file():
                raise InputError(f"{FILE}: weights.{dataset}.{variant}: {file} is no file; check the path")


def _as_list(value: object) -> list:
    """`a,b` -> [a, b]; 0 -> [0]. Digits become numbers: Snakemake leaves those of a list as text."""
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    texts = [item.strip() if isinstance(item, str) else item for item in items if item != ""]
    return [int(item) if isinstance(item, str) and item.isdigit() else item for item in texts]


def _known(names: Sequence[str] | Mapping[str, object], known: list[str], what: str, key: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"{FILE}: {key}: unknown {what} {name!r}{nearest(name, known)}")
