"""From studies and config to the experiments and runs that they ask for. A run that five tables share is one run.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from dataclasses import dataclass
from fractions import Fraction

from studies.load import load_study, recipe_named
from studies.motions import motions
from studies.paper import COCO, PAPER, PUBLISHED
from studies.types import AccuracyColumn, CountColumn, Figure, LiftingColumn, Study, VideoColumn
from studies.variants import resolve_variants
from studies.video import (
    AUGMENTING,
    PRETRAINED_SEED,
    PRETRAINING,
    TABLES_BY,
    conditions,
    encoder_of,
    on_video,
    reads_features,
    video_hyper,
    video_recipe,
)

BASELINES = ("mean-pose", "mlp")
BASELINE_RECIPE = "baseline"
SCALED = {"depth": "depth", "width": "width", "frames": "frames"}
SCALED |= dict.fromkeys(("central", "coefficients", "stride_in", "stride_out"), "frames")
DROPPED = ("dropout", "drop_path", "part_drop")
ONLY_PRESET = {"mpi-inf-3dhp": "gt"}  # of data sets without a detector's keypoints


@dataclass(frozen=True, order=True)
class Experiment:
    """A variant trained by a recipe on a data set (`synthetic-sh-like`, `cmu-gt`, ...)."""

    dataset: str
    variant: str
    recipe: str


@dataclass(frozen=True)
class Plan:
    """Everything that the workflow needs to know, derived from the studies and the config.

    studies     by name
    experiments in the order in which the studies name them
    families    family of models -> the variants of it that the studies name (for efficiency)
    """

    config: dict
    studies: dict[str, Study]
    experiments: tuple[Experiment, ...]
    families: dict[str, list[str]]

    @property
    def datasets(self) -> list[str]:
        return sorted({e.dataset for e in self.experiments})

    def shown(self, metric: str) -> list[str]:
        """Variants of tables with a column of that efficiency metric."""
        tables = [table for study in self.studies.values() for table in study.tables]
        showing = [t for t in tables if any(isinstance(c, CountColumn) and c.metric == metric for c in t.columns)]
        return list(dict.fromkeys(row.variant for table in showing for row in table.rows if row.variant))

    @property
    def rule(self) -> dict:
        """What the configured scale changes."""
        return self.config["scales"][self.config["scale"]]

    def spec(self, experiment: Experiment, seed: int) -> dict:
        """Resolved description of one run: what training needs and what `run.json` keeps."""
        scaled = self._video_spec(experiment) if on_video(experiment.dataset) else self._lifting_spec(experiment)
        return {
            "scale": self.config["scale"],
            "dataset": experiment.dataset,
            "variant": experiment.variant,
            "recipe_name": experiment.recipe,
            "seed": seed,
            "backend": self.config["backend"],
            **scaled,
        }

    def pretraining(self, experiment: Experiment) -> Experiment | None:
        """The experiment whose network a video network starts from; None for that one itself."""
        if experiment.recipe == PRETRAINING:
            return None
        encoder = encoder_of(resolve_variants()[experiment.variant]["hyper"])
        return Experiment(experiment.dataset, encoder, PRETRAINING)

    def reads_features(self, experiment: Experiment) -> bool:
        """Whether a video network reads what its frozen encoder has seen already."""
        spec = self.spec(experiment, PRETRAINED_SEED)
        return reads_features(spec["hyper"], spec["recipe"])

    def published(self, experiment: Experiment) -> str | None:
        """The published file whose weights a run judges, or that the pretraining of an encoder starts from."""
        dataset = {PUBLISHED: experiment.dataset, PRETRAINING: COCO}.get(experiment.recipe)
        paper = self.config["scale"] == PAPER
        return self.config["weights"].get(dataset, {}).get(experiment.variant) if paper else None

    @property
    def published_variants(self) -> dict[str, list[str]]:
        """Data set -> variants of which published weights are judged on it."""
        judged = [e for e in self.experiments if e.recipe == PUBLISHED]
        return {e.dataset: [other.variant for other in judged if other.dataset == e.dataset] for e in judged}

    def features(self, dataset: str, encoder: str) -> dict:
        """Description of an encoder's features: its pretraining, and all that the networks which read them need."""
        readers = [e for e in self.experiments if e.dataset == dataset and self._reads(e, encoder)]
        specs = [self.spec(e, PRETRAINED_SEED) for e in readers]
        spec = self.spec(Experiment(dataset, encoder, PRETRAINING), PRETRAINED_SEED)
        return spec | {
            "recipe": {key: specs[0]["recipe"][key] for key in AUGMENTING},
            "frames": max(s["hyper"]["frames"] for s in specs),
            "conditions": sorted({TABLES_BY, *(c for s in specs for c in s["conditions"])}),
            "selects": specs[0]["recipe"]["epochs"] > 1,
        }

    def _reads(self, experiment: Experiment, encoder: str) -> bool:
        start = self.pretraining(experiment)
        return start is not None and start.variant == encoder and self.reads_features(experiment)

    def _lifting_spec(self, experiment: Experiment) -> dict:
        recipe = recipe_named(experiment.recipe)
        hyper = scaled_hyper(resolve_variants()[experiment.variant]["hyper"], self.rule)
        if "channels" in recipe:  # the same input for all
            hyper["in_channels"] = recipe["channels"]
        return {"hyper": hyper, "recipe": scaled_recipe(recipe, self.rule, hyper["frames"])}

    def _video_spec(self, experiment: Experiment) -> dict:
        rule = self.rule["video"]
        changes = rule | rule["pretraining"] if experiment.recipe == PRETRAINING else rule
        return {
            "hyper": video_hyper(resolve_variants()[experiment.variant], rule),
            "recipe": video_recipe(recipe_named(experiment.recipe), changes),
            "conditions": conditions(self.studies.values(), experiment, lambda column: dataset_of(column, self.config)),
        }


def make_plan(config: dict) -> Plan:
    """Derive the plan from a checked config (`studies.config.checked_config`)."""
    studies = {name: load_study(name) for name in config["studies"]}
    wanted = [e for study in studies.values() for e in study_experiments(study, config)]
    return Plan(config, studies, tuple(dict.fromkeys(wanted)), _families(studies))


def study_experiments(study: Study, config: dict) -> list[Experiment]:
    """Experiments behind the accuracy cells of one study; where poses are lifted, the two baselines on the same data.

    A variant without a recipe is one that does not fit into memory: it is not trained.
    """
    found = []
    for table in study.tables:
        columns = {dataset_of(column, config): column for column in table.accuracies}
        for dataset, column in columns.items():
            if dataset is None or not _chosen(dataset, config):
                continue
            lifting = isinstance(column, LiftingColumn)
            found += [Experiment(dataset, name, BASELINE_RECIPE) for name in BASELINES if lifting]
            found += [Experiment(dataset, row.variant, row.recipe) for row in table.rows if row.recipe]
            given = config["weights"].get(dataset, {})
            named = [row.variant for row in table.rows if row.variant in given]
            found += [Experiment(dataset, variant, PUBLISHED) for variant in named]
    left_out = config["scales"].get(config["scale"], {}).get("video", {}).get("leave_out", ())
    found = [e for e in found if e.variant not in left_out]
    return [e for e in found if config["variants"] == "all" or e.variant in config["variants"]]


def benchmark_of(dataset: str) -> str:
    """What prepared data were made of: posetrack17 of video-posetrack17, human36m of human36m-sh."""
    return dataset.removeprefix("video-") if on_video(dataset) else dataset.rpartition("-")[0]


def _chosen(dataset: str, config: dict) -> bool:
    """Whether the config asks for runs on a data set; it may leave out some of the papers'."""
    chosen = config["benchmarks"]
    return config["scale"] != PAPER or chosen == "all" or benchmark_of(dataset) in chosen


def dataset_of(item: AccuracyColumn | Figure, config: dict) -> str | None:
    """Data set that fills an accuracy column, or that a figure is drawn from; None where the scale has none.

    Of lifted poses: ground-truth keypoints, or those of the configured detector, of the configured motion; at scale
    `paper` of what the column is about. Of video: videos rendered from the configured motion, where it is filmed; at
    scale `paper` those that the column is about.
    """
    paper = config["scale"] == PAPER
    if isinstance(item, VideoColumn):
        if paper:
            return f"video-{item.about}" if item.about else None
        ours = item.benchmark == "video" and motions()[config["dataset"]].filmed
        return f"video-{config['dataset']}" if ours else None
    base = item.about if paper and isinstance(item, LiftingColumn) else config["dataset"]
    preset = "gt" if "gt" in (item.input, ONLY_PRESET.get(base)) else config["detector"]
    return base and f"{base}-{preset}"


def scaled_hyper(hyper: dict, rule: dict) -> dict:
    """Hyper-parameters at a scale: sizes times the rule's fraction, at least 1; drop rates times `drop`."""
    factors = {key: Fraction(rule[of]) for key, of in SCALED.items() if key in hyper}
    sizes = {key: max(1, int(hyper[key] * factor + Fraction(1, 2))) for key, factor in factors.items()}
    return hyper | sizes | {key: hyper[key] * rule["drop"] for key in DROPPED if key in hyper}


def scaled_variants(rule: dict) -> dict[str, dict]:
    """Hyper-parameters at a scale of every variant that there is, for video or not, by name."""
    return {
        name: video_hyper(variant, rule["video"])
        if variant["family"] in rule["video"]["families"]
        else scaled_hyper(variant["hyper"], rule)
        for name, variant in resolve_variants().items()
    }


def scaled_recipe(recipe: dict, rule: dict, frames: int) -> dict:
    """Recipe at a scale: its epochs, steps, learning rate and batch of clips; the whole decay is the recipe's own."""
    epochs, batch_frames = rule["epochs"] or recipe["epochs"], rule["batch_frames"]
    own = {key: rule[key] for key in ("hold_out",) if key in rule}
    return (
        recipe
        | own
        | {
            "batch": max(1, batch_frames // frames) if batch_frames else recipe["batch"],
            "epochs": epochs,
            "steps": rule["steps"],
            "learning_rate": recipe["learning_rate"] * rule["learning_rate"],
            "decay": recipe["decay"] ** (recipe["epochs"] / epochs),
            "schedule": rule["schedule"],
        }
    )


def _families(studies: dict[str, Study]) -> dict[str, list[str]]:
    """Variants that the studies name, and the baselines, grouped by family."""
    variants = resolve_variants()
    named = [row.variant for s in studies.values() for table in s.tables for row in table.rows if row.variant]
    families: dict[str, list[str]] = {}
    for name in dict.fromkeys([*BASELINES, *named]):
        families.setdefault(variants[name]["family"], []).append(name)
    return families
