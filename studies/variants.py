"""Every variant by name, inheritance resolved. In one place, for models, plans and reports alike."""

from functools import cache
from pathlib import Path

from base.errors import InputError
from base.reading import check_schema, nearest, read_yaml

FILE = Path(__file__).with_name("variants.yaml")


@cache
def resolve_variants() -> dict[str, dict]:
    """Every variant by name: {"label", "model" (dotted path of its class), "family", "hyper"}; treat it as read-only.

    Raises InputError when the file breaks its schema, names an unknown parent or goes round in circles.
    """
    written = read_yaml(FILE)
    check_schema(written, "variants", FILE)
    return {name: _resolve(name, written, ()) for name in written}


def variant(name: str) -> dict:
    """One variant of `resolve_variants`; raises InputError that names the nearest one for an unknown name."""
    known = resolve_variants()
    if name not in known:
        raise InputError(f"unknown variant {name!r}{nearest(name, known)}; studies/variants.yaml has all of them")
    return known[name]


def _resolve(name: str, written: dict[str, dict], children: tuple[str, ...]) -> dict:
    """A variant with what it inherits; `children` are the variants on the way to it, to notice a circle."""
    own = written[name]
    if "like" not in own:
        return own
    parent = own["like"]
    if parent not in written or parent in (*children, name):
        raise InputError(f"{FILE.name}: {name} is like {parent!r}, which does not exist or leads back to {name}")
    inherited = _resolve(parent, written, (*children, name))
    hyper = inherited["hyper"] | own.get("hyper", {})
    return {key: own.get(key, inherited[key]) for key in ("label", "model", "family")} | {"hyper": hyper}
