"""Records: frozen dataclasses made of what a file says, at the door where it is read."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

Record = TypeVar("Record")


def record(kind: type[Record], entry: Mapping[str, Any]) -> Record:
    """A dataclass of those keys of an entry that it has fields for; other keys are passed over.

    Raises KeyError for a key that is missing and has no default, TypeError for what is no mapping.
    """
    fields = dataclasses.fields(kind)
    optional = {f.name for f in fields if (f.default, f.default_factory) != (dataclasses.MISSING, dataclasses.MISSING)}
    return kind(**{f.name: entry[f.name] for f in fields if f.name in entry or f.name not in optional})
