"""Every variant by name, inheritance resolved. In one place, for models, plans and reports alike."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from base.errors import InputError
from base.reading import ROOT, check_schema, display, inherited, nearest, read_yaml
from studies.data import LIFTING, VIDEO, Experiment
from studies.recipes import OFFICIAL, PRETRAINING, PRETRAINING_HRNET, PRETRAININGS

FILE = Path(__file__).with_name("variants.yaml")
HRNET, RESNET = "hrnet-", "resnet-"  # what the names of such encoders begin with; others are a ViT's sizes


@dataclass(frozen=True)
class Variant:
    """A model with hyper-parameters and a name.

    label : what tables print; model: dotted path of its class; family: of models that are counted together
    hyper : keyword arguments of the class; treat it as read-only
    emits : of a clip: `all` of its frames' poses, or that of the `centre` alone
    both_necks : whether PoseTrack's neck is scored between the shoulders as well
    """

    name: str
    label: str
    model: str
    family: str
    hyper: dict[str, object]
    emits: str = "all"
    both_necks: bool = False

    @property
    def module(self) -> str:
        """Dotted path of the module of its class."""
        return self.model.rpartition(".")[0]

    @property
    def kind(self) -> str:
        """LIFTING or VIDEO: what it is for."""
        return VIDEO if self.model.startswith("models.video.") else LIFTING

    @property
    def frozen(self) -> bool:
        """Whether it reads an encoder that was trained before, and leaves it as it is."""
        return self.kind == VIDEO and self.hyper.get("freeze_encoder", True)

    @property
    def frames(self) -> int:
        """Of its clips; baselines look at one."""
        return self.hyper.get("frames", 1)


@cache
def resolve_variants() -> dict[str, Variant]:
    """Every variant by name.

    Raises InputError when the file breaks its schema, names an unknown parent or module, or goes round in circles.
    """
    written = read_yaml(FILE)
    check_schema(written, "variants", FILE)
    entries = {name: inherited(name, written, FILE, "variant", _merged) for name in written}
    resolved = {name: Variant(name, **entry) for name, entry in entries.items()}
    for variant in resolved.values():
        _check(variant)
    return resolved


def variant(name: str) -> Variant:
    """One variant of `resolve_variants`; raises InputError that names the nearest one for an unknown name."""
    known = resolve_variants()
    if name not in known:
        raise InputError(f"unknown variant {name!r}{nearest(name, known)}; studies/variants.yaml has all of them")
    return known[name]


def pretraining(experiment: Experiment) -> Experiment | None:
    """The experiment whose network a video network starts from; None for that one itself, and where none is.

    HRNets and ViTs are trained on single frames first; a ResNet starts from nothing, official weights are complete.
    """
    if experiment.dataset.kind == LIFTING or experiment.recipe in (*PRETRAININGS, OFFICIAL):
        return None
    encoder = variant(experiment.variant).hyper["encoder"]
    if encoder.startswith(HRNET):
        return Experiment(experiment.dataset, encoder, PRETRAINING_HRNET)
    return None if encoder.startswith(RESNET) else Experiment(experiment.dataset, f"vitpose-{encoder}", PRETRAINING)


def _check(variant: Variant) -> None:
    """Raise InputError for what the plan asks of every variant and this one lacks."""
    where = f"{display(FILE)}: {variant.name}"
    path = ROOT.joinpath(*variant.module.split(".")).with_suffix(".py")
    if not path.is_file():
        raise InputError(f"{where}.model: {display(path)} is no file; write it or mend the name")
    needed = "encoder" if variant.kind == VIDEO else "frames"
    if needed not in variant.hyper:
        raise InputError(f"{where}.hyper: key {needed!r} is missing")


def _merged(base: dict, own: dict) -> dict:
    return base | own | {"hyper": base["hyper"] | own.get("hyper", {})}
