"""How to train: `studies/recipes.yaml` as types, and the full description of a run that follows from it.

What a trained network reads here decides whether it is trained again: a scale's rule and the plan stand elsewhere.
Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

from base.errors import InputError
from base.reading import ROOT, check_schema, display, inherited, read_yaml
from base.records import whole_record
from studies.data import VIDEO, Boxes, Dataset, Experiment

FILE = ROOT / "studies" / "recipes.yaml"
BASELINE_RECIPE = "baseline"
OFFICIAL = "official"  # of weights that are judged as they are
LIFTED = ("mpjpe", "n_mpjpe", "velocity", "temporal_consistency")  # terms of losses of lifted poses
# These make the encoders that the other recipes for video start from: ViTPose's, and HRNet.
PRETRAININGS = PRETRAINING, PRETRAINING_HRNET = "pretraining", "pretraining-hrnet"
PRETRAINED_SEED = 0  # one encoder for all seeds, as an official file is


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What all recipes say, as studies/recipes.yaml explains it.

    loss : weight of each term by its name
    steps : of an epoch; None: as many as the data has
    schedule : decay (by the epoch, and after milestones) or linear (down to 0 at the last step)
    warmup : share of all steps in which a linear schedule's rate rises from 0 first
    clip : largest norm of a step's gradient, longer ones are shortened to it; None: any
    faster : multiplies the learning rate, also one that a scale sets for all networks
    hold_out : whether a part of the training data is kept to select epochs by
    """

    label: str
    loss: dict[str, float]
    optimiser: str
    learning_rate: float
    weight_decay: float
    decay: float
    epochs: int
    batch: int
    flip: float
    flip_test: bool
    patience: int | None
    milestones: tuple[int, ...] = ()
    milestone_decay: float = 1.0
    steps: int | None = None
    schedule: str = "decay"
    warmup: float = 0.0
    clip: float | None = None
    faster: float = 1.0
    precision: str = "float32"
    accumulate: int = 1
    hold_out: bool = True

    @property
    def terms(self) -> dict[str, float]:
        """The terms of its loss that have a weight."""
        return {name: weight for name, weight in self.loss.items() if weight}


@dataclass(frozen=True, kw_only=True)
class LiftingRecipe(Recipe):
    """To lift poses. stride: from one clip to the next, of its length; channels: of the input, whatever the variant."""

    stride: str
    channels: int | None = None


@dataclass(frozen=True, kw_only=True)
class Crops:
    """What of a recipe decides how the clips of a person look, as studies/recipes.yaml explains it.

    draws : variations that a frozen encoder sees of each person; None: new ones in every step
    pixels : what coordinates count: from centre to centre, from corner to corner, or mixed (datasets/video/crop.py)
    spread : how rotation and scaling are drawn, uniform or normal (datasets/video/augment.py)
    """

    flip: float
    rotation: float
    rotation_chance: float
    scaling: float
    half_body: float
    enlarge: float
    sigma: float
    joint_weights: dict[str, float]
    draws: int | None = None
    pixels: str = "centres"
    spread: str = "uniform"


@dataclass(frozen=True, kw_only=True)
class VideoRecipe(Recipe, Crops):
    """To find poses in videos.

    neighbours : real, copies of the middle frame, or shuffled in from other videos
    pairs : of a clip its middle frame and another one alone, drawn in every step, as PoseWarper learns
    """

    neighbours: str
    pairs: bool = False

    @property
    def crops(self) -> Crops:
        """That part of it: another rate needs no other features."""
        return Crops(**{field.name: getattr(self, field.name) for field in fields(Crops)})


def _renamed(value: object) -> object:
    """A hyper-parameter as it is called today; runs and jobs from before say `published`."""
    return "released" if value == "published" else value


@dataclass(frozen=True)
class RunSpec:
    """All that decides a run, as `run.json` keeps it.

    seed : None where a description is of all seeds of an experiment
    hyper : keyword arguments of the variant's class
    conditions : boxes and neighbours that a network for video is judged on besides `gt-boxes`
    """

    scale: str
    dataset: Dataset
    variant: str
    recipe_name: str
    seed: int | None
    backend: str
    hyper: dict[str, object]
    recipe: LiftingRecipe | VideoRecipe
    conditions: tuple[Boxes, ...] = ()

    @property
    def experiment(self) -> Experiment:
        """What the run is one of."""
        return Experiment(self.dataset, self.variant, self.recipe_name)

    @property
    def frames(self) -> int:
        """Of its network's clips; baselines look at one."""
        return self.hyper.get("frames", 1)

    def as_json(self) -> dict:
        """For `run.json`: `from_json` gives it back."""
        conditions = [boxes.in_split for boxes in self.conditions]
        return asdict(self) | {"dataset": str(self.dataset), "conditions": conditions}

    @classmethod
    def from_json(cls, written: dict) -> "RunSpec":
        """Of a run.json. Raises InputError for a key that is unknown, missing or of another type."""
        if not isinstance(written, dict):
            raise InputError(f"spec: cannot be {written!r}")
        for key, kind in {"dataset": str, "recipe": dict, "hyper": dict}.items():
            if not isinstance(written.get(key), kind):
                raise InputError(f"spec: key {key!r} is missing, or of another type")
        dataset = Dataset.parse(written["dataset"])
        recipe = _typed(written["recipe"], dataset.kind)
        conditions = tuple(map(Boxes.parse, written.get("conditions", ())))
        hyper = {key: _renamed(value) for key, value in written["hyper"].items()}
        said = written | {"dataset": dataset, "recipe": recipe, "conditions": conditions, "hyper": hyper}
        return whole_record(cls, said, "spec")

    def __str__(self) -> str:
        return f"{self.experiment}, seed {self.seed}"


@dataclass(frozen=True)
class FeaturesSpec:
    """All that decides what a frozen encoder sees of a data set.

    encoder : the run that pretrained it; crops: how clips look; frames: the most that a network looks at
    conditions : boxes and neighbours that networks are judged on; selects: whether one of several epochs is selected
    """

    encoder: RunSpec
    crops: Crops
    frames: int
    conditions: tuple[Boxes, ...]
    selects: bool

    def as_json(self) -> dict:
        """For the card of the features."""
        conditions = [boxes.in_split for boxes in self.conditions]
        return asdict(self) | {"encoder": self.encoder.as_json(), "conditions": conditions}


def recipes(path: str | Path = FILE) -> dict[str, LiftingRecipe | VideoRecipe]:
    """Every recipe by name, `like` resolved: a mapping given again replaces the inherited one key by key.

    Raises InputError for an unknown or missing key, an unknown recipe behind `like`, or a circle of them.
    """
    return _resolved(Path(path))


@cache
def _resolved(path: Path) -> dict[str, LiftingRecipe | VideoRecipe]:
    written = read_yaml(path)
    check_schema(written, "recipes", path)
    for name in (BASELINE_RECIPE, OFFICIAL, *PRETRAININGS):  # what the plan asks for by itself
        if name not in written and path == FILE:
            raise InputError(f"{display(path)}: recipe {name!r} is missing; take it from git again")
    resolved = {name: inherited(name, written, path, "recipe", _merged) for name in written}
    for name, recipe in resolved.items():
        _check(recipe, f"{display(path)}: {name}")
    return {name: _typed(recipe, recipe.get("task")) for name, recipe in resolved.items()}


def _check(recipe: dict, where: str) -> None:
    """Raise InputError for a key of the other task, which may be inherited, and for a loss that teaches nothing."""
    known, kind = (VideoRecipe, "networks for video") if recipe.get("task") == VIDEO else (LiftingRecipe, "lifting")
    names = {field.name for field in fields(known)}
    for key in (key for key in recipe if key not in (*names, "task")):
        raise InputError(f"{where}.{key}: this key is not for {kind}; remove it, or start from another recipe")
    wrong = [key for key in recipe["loss"] if (key in LIFTED) == (known is VideoRecipe)]
    if wrong:
        raise InputError(f"{where}.loss.{wrong[0]}: this term is not for {kind}")
    if not any(recipe["loss"].values()):
        raise InputError(f"{where}.loss: has no term with a weight above 0: nothing would be learnt")


def _merged(base: dict, own: dict) -> dict:
    return base | own | {"loss": base["loss"] | own.get("loss", {})}


def _typed(written: dict, kind: str | None) -> LiftingRecipe | VideoRecipe:
    said = {key: value for key, value in written.items() if key != "task"}
    said |= {"milestones": tuple(said["milestones"])} if "milestones" in said else {}
    return whole_record(VideoRecipe if kind == VIDEO else LiftingRecipe, said, "recipe")
