"""What a scale makes of networks and recipes: `studies/scales.yaml` as a type. Its defaults mean "as the paper has it".

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from math import sqrt

from base.errors import InputError
from base.reading import ROOT, check_schema, inherited, nearest, read_yaml, with_choices
from base.records import whole_record
from studies.data import VIDEO
from studies.recipes import PRETRAININGS, LiftingRecipe, VideoRecipe, recipes
from studies.variants import Variant, resolve_variants

FILE = ROOT / "studies" / "scales.yaml"
PAPER, QUICK, SMALL = "paper", "quick", "small"  # scales that the workflow knows by name
SCALED = {"depth": "depth", "width": "width", "frames": "frames"}
SCALED |= dict.fromkeys(("central", "coefficients", "stride_in", "stride_out"), "frames")
DROPPED = ("dropout", "drop_path", "part_drop")
STEP_OF_WIDTHS = 16  # so that heads share them
BLOCKS = ("depth", "global_blocks", "local_blocks")
OTHERS = "others"  # of a peak rate by recipe: all recipes that it does not name
FRACTIONS = ("depth", "width", "frames", "blocks", "part")


@dataclass(frozen=True)
class Schedule:
    """How networks for video are trained; None: as the recipe says.

    learning_rate : times the recipe's; peak_rate : in its place, the same for all networks
    """

    epochs: int | None = None
    steps: int | None = None
    batch: int | None = None
    learning_rate: float = 1
    peak_rate: float | None = None
    schedule: str = "decay"


@dataclass(frozen=True)
class VideoScale(Schedule):
    """A scale for networks that find poses in videos, as studies/scales.yaml explains it."""

    networks: Mapping[str, object] = field(default_factory=dict)
    families: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    blocks: Fraction = Fraction(1)
    leave_out: tuple[str, ...] = ()
    sigma: float | None = None
    enlarge: float | None = None
    pixels: str | None = None
    spread: str | None = None
    draws: int | None = None
    pretraining: Schedule = Schedule()


@dataclass(frozen=True)
class Evidence:
    """Whose records fill the accuracies of a scale: those of another scale, on one motion.

    part : share of the actions of each split by which records are evaluated again
    """

    scale: str
    motion: str
    part: Fraction = Fraction(1)


@dataclass(frozen=True)
class Scale:
    """How much of it to do, as studies/scales.yaml explains it."""

    name: str
    meaning: str = ""
    condition: str = ""
    depth: Fraction = Fraction(1)
    width: Fraction = Fraction(1)
    width_root: float | None = None
    frames: Fraction = Fraction(1)
    drop: float = 1
    epochs: int | None = None
    steps: int | None = None
    learning_rate: float = 1
    peak_rate: float | Mapping[str, float] | None = None
    schedule: str = "decay"
    warmup: float = 0.0
    clip: float | None = None
    batch_frames: int | None = None
    hold_out: bool = False
    selection: str = ""
    seeds_together: bool = False
    seeds: tuple[int, ...] = (0, 1, 2)
    trains: Mapping[str, str] = field(default_factory=dict)
    records: Evidence | None = None
    video: VideoScale = VideoScale()

    def hyper(self, variant: Variant) -> dict[str, object]:
        """Hyper-parameters of a variant: sizes times the scale's fractions, at least 1, and drop rates times `drop`.

        On video what the scale says of all networks and of the family, and its fraction of the blocks (0 stays 0).
        """
        own = variant.hyper
        if variant.kind == VIDEO:
            blocks = {key: max(1, round(own[key] * self.video.blocks)) for key in BLOCKS if own.get(key)}
            return {**own, **self.video.networks, **self.video.families.get(variant.family, {}), **blocks}
        fractions = {key: getattr(self, size) for key, size in SCALED.items() if key in own}
        sizes = {key: max(1, int(own[key] * fraction + Fraction(1, 2))) for key, fraction in fractions.items()}
        if self.width_root and "width" in own:
            sizes["width"] = STEP_OF_WIDTHS * max(1, round(self.width_root * sqrt(own["width"]) / STEP_OF_WIDTHS))
        return own | sizes | {key: own[key] * self.drop for key in DROPPED if key in own}

    def hyper_of_all(self) -> dict[str, dict[str, object]]:
        """Hyper-parameters of every variant by its name."""
        return {name: self.hyper(variant) for name, variant in resolve_variants().items()}

    def peak_rate_of(self, recipe: str) -> float | None:
        """Peak learning rate of a recipe for lifting: its own, the others', or None for no change."""
        rates = self.peak_rate if isinstance(self.peak_rate, Mapping) else {OTHERS: self.peak_rate}
        return rates.get(recipe, rates.get(OTHERS))

    def lifting_recipe(self, name: str, recipe: LiftingRecipe, answered: int) -> LiftingRecipe:
        """The recipe of that name for clips of which a network answers so many frames; its decay is its own."""
        epochs = self.epochs or recipe.epochs
        rate = self.peak_rate_of(name) or recipe.learning_rate * self.learning_rate
        return replace(
            recipe,
            batch=max(1, self.batch_frames // answered) if self.batch_frames else recipe.batch,
            epochs=epochs,
            steps=self.steps,
            learning_rate=rate * recipe.faster,
            faster=1.0,
            decay=recipe.decay ** (recipe.epochs / epochs),
            schedule=self.schedule,
            warmup=self.warmup,
            clip=self.clip,
            hold_out=self.hold_out,
        )

    def video_recipe(self, name: str, recipe: VideoRecipe) -> VideoRecipe:
        """The recipe of that name; milestones come after the same fractions of the schedule as its own."""
        pretraining = name in PRETRAININGS
        schedule = self.video.pretraining if pretraining else self.video
        epochs = schedule.epochs or recipe.epochs
        return replace(
            recipe,
            batch=schedule.batch or recipe.batch,
            epochs=epochs,
            milestones=tuple(max(1, round(m * epochs / recipe.epochs)) for m in recipe.milestones),
            steps=schedule.steps,
            learning_rate=(schedule.peak_rate or recipe.learning_rate * schedule.learning_rate) * recipe.faster,
            faster=1.0,
            schedule=schedule.schedule,
            sigma=self.video.sigma or recipe.sigma,
            enlarge=self.video.enlarge or recipe.enlarge,
            pixels=self.video.pixels or recipe.pixels,
            spread=self.video.spread or recipe.spread,
            draws=None if pretraining else self.video.draws,
            hold_out=self.hold_out,
        )


@cache
def _written() -> dict[str, dict]:
    """Every scale by name, `like` resolved."""
    written = read_yaml(FILE)
    check_schema(written, "scales", FILE)
    return {name: inherited(name, written, FILE, "scale", with_choices) for name in written}


def scale_names() -> list[str]:
    """Names of all scales. Raises InputError for a mistake in the file."""
    return list(_written())


def scale_named(name: str, override: Mapping[str, object] | None = None) -> Scale:
    """A scale, with single values replaced by those of `override`, which has the same keys.

    Raises InputError for an unknown name, also of a variant or a family in it, and for a mistake in the file.
    """
    if name not in _written():
        raise InputError(f"scale: unknown scale {name!r}{nearest(name, _written())}")
    said = with_choices(_written()[name], override or {})
    if isinstance(rates := said.get("peak_rate"), Mapping):
        _check_rates(rates, f"scale {name}: peak_rate")
    for unknown in (variant for variant in said.get("trains", ()) if variant not in resolve_variants()):
        raise InputError(f"scale {name}: trains: unknown variant {unknown!r}{nearest(unknown, resolve_variants())}")
    _check_names(said.get("video", {}), f"scale {name}: video")
    return _typed(name, said)


def _check_rates(rates: Mapping[str, float], where: str) -> None:
    """Raise InputError for a recipe that no network for lifting is trained with: its rate would go unheard."""
    lifting = [name for name, recipe in recipes().items() if isinstance(recipe, LiftingRecipe)]
    for unknown in (named for named in rates if named not in (OTHERS, *lifting)):
        raise InputError(f"{where}: no recipe for lifting is called {unknown!r}{nearest(unknown, lifting)}")


def _check_names(video: Mapping[str, object], where: str) -> None:
    """Raise InputError for a family or a variant that no network for video has: its values would go unheard."""
    networks = {name: variant for name, variant in resolve_variants().items() if variant.kind == VIDEO}
    families = list(dict.fromkeys(variant.family for variant in networks.values()))
    for key, known in (("families", families), ("leave_out", list(networks))):
        for unknown in (named for named in video.get(key, ()) if named not in known):
            raise InputError(f"{where}.{key}: nothing for video is called {unknown!r}{nearest(unknown, known)}")


def _typed(name: str, said: dict) -> Scale:
    """A scale of what its entry says; epochs and steps are those of all trainings that do not say their own."""
    video = _lengths(said) | said.get("video", {})
    pretraining = Schedule(**_lengths(video) | video.get("pretraining", {}))
    video |= {"pretraining": pretraining, "leave_out": tuple(video.get("leave_out", ()))}
    shown = said.get("records")
    records = whole_record(Evidence, _fractions(shown), f"scale {name}: records") if shown else None
    seeds = {"seeds": tuple(said["seeds"])} if "seeds" in said else {}
    return Scale(name, **_fractions(said) | seeds | {"records": records, "video": VideoScale(**_fractions(video))})


def _lengths(said: dict) -> dict:
    return {key: said[key] for key in ("epochs", "steps") if key in said}


def _fractions(said: dict) -> dict:
    """0.1 is a tenth, as it is written, not the binary number beside it."""
    return said | {key: Fraction(str(said[key])) for key in FRACTIONS if key in said}
