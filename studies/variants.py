"""Every variant by name, inheritance resolved. In one place, for models, plans and reports alike."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from base.errors import InputError
from base.reading import ROOT, check_schema, display, nearest, read_yaml
from studies.data import LIFTING, VIDEO

FILE = Path(__file__).with_name("variants.yaml")


@dataclass(frozen=True)
class Variant:
    """A model with hyper-parameters and a name.

    label : what tables print; model: dotted path of its class; family: of models that are counted together
    hyper : keyword arguments of the class; treat it as read-only
    """

    name: str
    label: str
    model: str
    family: str
    hyper: dict[str, object]

    @property
    def module(self) -> str:
        """Dotted path of the module of its class."""
        return self.model.rpartition(".")[0]

    @property
    def kind(self) -> str:
        """LIFTING or VIDEO: what it is for."""
        return VIDEO if self.model.startswith("models.video.") else LIFTING

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
    resolved = {name: _resolve(name, written, ()) for name in written}
    for variant in resolved.values():
        _check(variant)
    return resolved


def variant(name: str) -> Variant:
    """One variant of `resolve_variants`; raises InputError that names the nearest one for an unknown name."""
    known = resolve_variants()
    if name not in known:
        raise InputError(f"unknown variant {name!r}{nearest(name, known)}; studies/variants.yaml has all of them")
    return known[name]


def _check(variant: Variant) -> None:
    """Raise InputError for what the plan asks of every variant and this one lacks."""
    where = f"{display(FILE)}: {variant.name}"
    path = ROOT.joinpath(*variant.module.split(".")).with_suffix(".py")
    if not path.is_file():
        raise InputError(f"{where}.model: {display(path)} is no file; write it or mend the name")
    needed = "encoder" if variant.kind == VIDEO else "frames"
    if needed not in variant.hyper:
        raise InputError(f"{where}.hyper: key {needed!r} is missing")


def _resolve(name: str, written: dict[str, dict], children: tuple[str, ...]) -> Variant:
    """A variant with what it inherits; `children` are the variants on the way to it, to notice a circle."""
    if name in children:
        circle = " -> ".join([*children, name])
        raise InputError(f"{display(FILE)}: {children[0]}.like: goes round in a circle ({circle})")
    if name not in written:
        raise InputError(f"{display(FILE)}: {children[-1]}.like: unknown variant {name!r}{nearest(name, written)}")
    own = written[name]
    if "like" not in own:
        return Variant(name, **own)
    base = _resolve(own["like"], written, (*children, name))
    hyper = base.hyper | own.get("hyper", {})
    return Variant(name, own["label"], own.get("model", base.model), own.get("family", base.family), hyper)
