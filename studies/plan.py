"""From studies and config to the experiments and runs that they ask for. A run that five tables share is one run.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from dataclasses import dataclass
from fractions import Fraction

from studies.errors import InputError
from studies.load import load_study, recipes
from studies.variants import resolve_variants

BASELINES = ("mean-pose", "mlp")
BASELINE_RECIPE = "baseline"
SCALED = ("depth", "width", "frames")
DROPPED = ("dropout", "drop_path")


@dataclass(frozen=True, order=True)
class Experiment:
    """A variant trained by a recipe on a data set (`synthetic-sh-like`, `cmu-gt`, ...)."""

    dataset: str
    variant: str
    recipe: str


@dataclass(frozen=True)
class Plan:
    """Everything that the workflow needs to know, derived from the studies and the config.

    studies     study name -> its content
    experiments in the order in which the studies name them
    families    family of models -> the variants of it that the studies name (for efficiency)
    """

    config: dict
    studies: dict[str, dict]
    experiments: tuple[Experiment, ...]
    families: dict[str, list[str]]

    @property
    def datasets(self) -> list[str]:
        return sorted({e.dataset for e in self.experiments})

    def spec(self, experiment: Experiment, seed: int) -> dict:
        """Resolved description of one run: what `training.run.train` needs and what `run.json` keeps."""
        variant = resolve_variants()[experiment.variant]
        recipe = recipes()[experiment.recipe]
        rule = self.config["scales"][self.config["scale"]]
        if "task" in recipe:  # video: a shorter window would be another experiment
            rule = rule | {"frames": 1}
        return {
            "scale": self.config["scale"],
            "dataset": experiment.dataset,
            "variant": experiment.variant,
            "recipe_name": experiment.recipe,
            "seed": seed,
            "hyper": (hyper := scaled_hyper(variant["hyper"], rule)),
            "recipe": scaled_recipe(recipe, rule, hyper["frames"]),
            "backend": self.config["backend"],
        }


def make_plan(config: dict) -> Plan:
    """Derive the plan from a checked config (`studies.config.check_config`)."""
    studies = {name: load_study(name) for name in config["studies"]}
    wanted = [e for study in studies.values() for e in study_experiments(study, config)]
    return Plan(config, studies, tuple(dict.fromkeys(wanted)), _families(studies))


def trainable(plan: Plan) -> Plan:
    """Itself; raises InputError for experiments that this version cannot train: those on video."""
    on_video = sorted({e.variant for e in plan.experiments if e.dataset.startswith("video-")})
    if on_video:
        raise InputError(
            f"config.yaml: studies: training video networks ({', '.join(on_video)}) is not built yet; "
            "take glsmamba and open-video out"
        )
    return plan


def study_experiments(study: dict, config: dict) -> list[Experiment]:
    """Experiments behind the accuracy cells of one study; where poses are lifted, the two baselines on the same data.

    A variant without a recipe is one that does not fit into memory: it is not trained.
    """
    found = []
    for table in study["tables"]:
        columns = [column for column in table["columns"] if column["kind"] == "accuracy"]
        for dataset, lifting in {dataset_of(column, config): "input" in column for column in columns}.items():
            if dataset is None:
                continue
            found += [Experiment(dataset, name, BASELINE_RECIPE) for name in BASELINES if lifting]
            found += [Experiment(dataset, row["variant"], row["recipe"]) for row in table["rows"] if "recipe" in row]
    return [e for e in found if config["variants"] == "all" or e.variant in config["variants"]]


def dataset_of(column: dict, config: dict) -> str | None:
    """Data set that fills an accuracy column: ground-truth keypoints, or those of the configured detector.

    For video: videos rendered from the configured motion; None for data that need registration.
    """
    if "benchmark" in column:
        return f"video-{config['dataset']}" if column["benchmark"] == "video" else None
    preset = "gt" if column["input"] == "gt" else config["detector"]
    return f"{config['dataset']}-{preset}"


def scaled_hyper(hyper: dict, rule: dict) -> dict:
    """Hyper-parameters at a scale: sizes times the rule's fraction, at least 1; drop rates times `drop`."""
    factors = {key: Fraction(rule[key]) for key in SCALED if key in hyper}
    sizes = {key: max(1, int(hyper[key] * factor + Fraction(1, 2))) for key, factor in factors.items()}
    return hyper | sizes | {key: hyper[key] * rule["drop"] for key in DROPPED if key in hyper}


def scaled_recipe(recipe: dict, rule: dict, frames: int) -> dict:
    """Recipe at a scale: its epochs, steps, learning rate and batch of clips; the whole decay is the recipe's own."""
    epochs, batch_frames = rule["epochs"], rule["batch_frames"]
    return recipe | {
        "batch": max(1, batch_frames // frames) if batch_frames else recipe["batch"],
        "epochs": epochs,
        **_scaled_milestones(recipe, epochs),
        "steps": rule["steps"],
        "learning_rate": recipe["learning_rate"] * rule["learning_rate"],
        "decay": recipe["decay"] ** (recipe["epochs"] / epochs),
        "schedule": rule["schedule"],
    }


def _families(studies: dict[str, dict]) -> dict[str, list[str]]:
    """Variants that the studies name, and the baselines, grouped by family."""
    variants = resolve_variants()
    named = [row["variant"] for s in studies.values() for t in s["tables"] for row in t["rows"] if "variant" in row]
    families: dict[str, list[str]] = {}
    for name in dict.fromkeys([*BASELINES, *named]):
        families.setdefault(variants[name]["family"], []).append(name)
    return families


def _scaled_milestones(recipe: dict, epochs: int) -> dict:
    """Epochs at which the learning rate drops: after the same fractions of the schedule as the recipe's own."""
    if "milestones" not in recipe:
        return {}
    return {"milestones": [max(1, round(m * epochs / recipe["epochs"])) for m in recipe["milestones"]]}
