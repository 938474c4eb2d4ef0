"""Records: frozen dataclasses made of what a file says, at the door where it is read."""

import dataclasses
from collections.abc import Mapping
from math import isfinite
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from base.errors import InputError
from base.reading import nearest

Record = TypeVar("Record")


def record(kind: type[Record], entry: Mapping[str, Any]) -> Record:
    """A dataclass of those keys of an entry that it has fields for; other keys are passed over.

    Raises KeyError for a key that is missing and has no default, TypeError for what is no mapping.
    """
    fields = dataclasses.fields(kind)
    return kind(**{f.name: entry[f.name] for f in fields if f.name in entry or not _optional(f)})


def whole_record(kind: type[Record], entry: Mapping[str, Any], where: str) -> Record:
    """A dataclass of an entry that has its fields and no other keys, each of its field's type.

    Raises InputError for the first key that is unknown, missing, or of another type; `where` begins its line.
    """
    fields, hints = {field.name: field for field in dataclasses.fields(kind)}, get_type_hints(kind)
    for key in entry:
        if key not in fields:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, fields)}")
    for key, field in fields.items():
        if key not in entry and not _optional(field):
            raise InputError(f"{where}: key {key!r} is missing")
        if key in entry and not _fits(entry[key], hints[key]):
            raise InputError(f"{where}: key {key!r} cannot be {entry[key]!r}")
    return kind(**entry)


def _optional(field: dataclasses.Field) -> bool:
    return (field.default, field.default_factory) != (dataclasses.MISSING, dataclasses.MISSING)


def _fits(value: object, hint: Any) -> bool:
    """Whether a value is of an annotation's type; of lists and mappings only that they are such."""
    if isinstance(hint, UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    kind = get_origin(hint) or hint
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))
