"""Every variant by name, inheritance resolved. In one place, for models, plans and reports alike."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from base.errors import InputError
from base.reading import check_schema, nearest, read_yaml
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

    Raises InputError when the file breaks its schema, names an unknown parent or goes round in circles.
    """
    written = read_yaml(FILE)
    check_schema(written, "variants", FILE)
    return {name: _resolve(name, written, ()) for name in written}


def variant(name: str) -> Variant:
    """One variant of `resolve_variants`; raises InputError that names the nearest one for an unknown name."""
    known = resolve_variants()
    if name not in known:
        raise InputError(f"unknown variant {name!r}{nearest(name, known)}; studies/variants.yaml has all of them")
    return known[name]


def _resolve(name: str, written: dict[str, dict], children: tuple[str, ...]) -> Variant:
    """A variant with what it inherits; `children` are the variants on the way to it, to notice a circle."""
    own = written[name]
    if "like" not in own:
        return Variant(name, **own)
    parent = own["like"]
    if parent not in written or parent in (*children, name):
        raise InputError(f"{FILE.name}: {name} is like {parent!r}, which does not exist or leads back to {name}")
    base = _resolve(parent, written, (*children, name))
    hyper = base.hyper | own.get("hyper", {})
    return Variant(name, own["label"], own.get("model", base.model), own.get("family", base.family), hyper)
