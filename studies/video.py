"""What a scale makes of networks and recipes for video, and on what such a network is judged.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from studies.types import Study, VideoColumn

if TYPE_CHECKING:
    from studies.plan import Experiment

PRETRAINING = "pretraining"  # the recipe that makes the encoders which the other recipes start from
TABLES_BY = "gt-boxes"  # what `best_test` selects by, whatever tables show
PRETRAINED_SEED = 0  # one encoder for all seeds, as a published file is
# What of a recipe decides how clips look.
AUGMENTED = ("flip", "rotation", "rotation_chance", "scaling", "half_body")
AUGMENTING = (*AUGMENTED, "enlarge", "sigma", "joint_weights", "draws")
BLOCKS = ("depth", "global_blocks", "local_blocks")


def on_video(dataset: str) -> bool:
    """Whether a data set is one of videos."""
    return dataset.startswith("video-")


def encoder_of(hyper: dict) -> str:
    """The variant whose pretraining gives a network its encoder, by the network's own hyper-parameters."""
    return f"vitpose-{hyper['encoder']}"


def video_hyper(variant: dict, rule: dict) -> dict:
    """Hyper-parameters at a scale: what the rule says of the family, and its fraction of the blocks (0 stays 0)."""
    hyper = variant["hyper"] | rule["families"].get(variant["family"], {})
    fraction = Fraction(rule["blocks"])
    fewer = {key: max(1, round(variant["hyper"][key] * fraction)) for key in BLOCKS if variant["hyper"].get(key)}
    return hyper | fewer


def video_recipe(recipe: dict, rule: dict) -> dict:
    """Recipe at a scale: what the rule says replaces the recipe's own; the learning rate is multiplied.

    Milestones come after the same fractions of the schedule as the recipe's own.
    """
    epochs = rule["epochs"] or recipe["epochs"]
    milestones = [max(1, round(m * epochs / recipe["epochs"])) for m in recipe["milestones"]]
    given = {key: rule[key] for key in ("batch", "sigma", "enlarge") if rule[key] is not None}
    given |= {"hold_out": rule["hold_out"]} if "hold_out" in rule else {}
    changed = {
        "epochs": epochs,
        "milestones": milestones,
        "steps": rule["steps"],
        "learning_rate": recipe["learning_rate"] * rule["learning_rate"],
        "schedule": rule["schedule"],
        "draws": rule["draws"],
    }
    return recipe | given | changed


def reads_features(hyper: dict, recipe: dict) -> bool:
    """Whether a network reads a frozen encoder's features instead of images."""
    return bool(recipe["draws"]) and hyper.get("freeze_encoder", True) and recipe["neighbours"] != "shuffled"


def conditions(
    studies: Iterable[Study], experiment: "Experiment", dataset_of: Callable[[VideoColumn], str | None]
) -> list[str]:
    """Boxes and neighbours that tables show of an experiment on video: `gt-boxes`, `detected-boxes+copies`, ...

    dataset_of : the data set that fills a column. Where a paper does not say which boxes, both kinds are wanted.
    """
    asked = (experiment.variant, experiment.recipe)
    columns = [
        column
        for study in studies
        for table in study.tables
        if any((row.variant, row.recipe) == asked for row in table.rows)
        for column in table.columns
        if isinstance(column, VideoColumn) and dataset_of(column) == experiment.dataset
    ]
    kinds = {"unstated": ("detected", "gt")}
    wanted = {replace(c, boxes=boxes).condition for c in columns for boxes in kinds.get(c.boxes, (c.boxes,))}
    return sorted(wanted)
