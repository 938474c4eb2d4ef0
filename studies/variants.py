"""The variants of studies/variants.yaml, with inheritance resolved. Imported at parse time: nothing heavy here."""

from difflib import get_close_matches
from functools import cache
from pathlib import Path

import yaml

from studies.errors import InputError

FILE = Path(__file__).with_name("variants.yaml")
KEYS = {"label", "model", "family", "hyper", "like"}


@cache
def resolve_variants() -> dict[str, dict]:
    """Every variant by name: {"label", "model" (dotted path of its class), "family", "hyper"}; treat it as read-only.

    Raises InputError when the file names an unknown parent, goes round in circles or leaves a key out.
    """
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: _resolve(name, raw, ()) for name in raw}


def variant(name: str) -> dict:
    """One variant of `resolve_variants`; raises InputError that names the nearest one for an unknown name."""
    known = resolve_variants()
    if name not in known:
        nearest = get_close_matches(str(name), known, 1, 0.0)[0]
        raise InputError(f"unknown variant {name!r}: did you mean {nearest!r}? studies/variants.yaml has all of them")
    return known[name]


def _resolve(name: str, raw: dict[str, dict], children: tuple[str, ...]) -> dict:
    """A variant with what it inherits; `children` are the variants on the way to it, to notice a circle."""
    own = raw[name]
    for key in own:
        if key not in KEYS:
            raise InputError(f"{FILE.name}: {name} has unknown key {key!r} (known: {', '.join(sorted(KEYS))})")
    if "like" not in own:
        missing = KEYS - {"like"} - own.keys()
        if missing:
            raise InputError(f"{FILE.name}: {name} lacks {', '.join(sorted(missing))}; add it, or inherit with `like`")
        return own
    parent = own["like"]
    if parent not in raw or parent in (*children, name):
        raise InputError(f"{FILE.name}: {name} is like {parent!r}, which does not exist or leads back to {name}")
    inherited = _resolve(parent, raw, (*children, name))
    hyper = inherited["hyper"] | own.get("hyper", {})
    return {key: own.get(key, inherited[key]) for key in ("label", "model", "family")} | {"hyper": hyper}
