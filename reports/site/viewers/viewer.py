"""An interactive view of the site."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """A view: how it is called, what its page says around it, and what its script shows.

    about   a line for the overview
    data    plain data for the script, as JSON
    files   copied beside the data: name -> source
    """

    name: str
    about: str
    title: str
    lead: str
    note: str
    data: dict[str, object]
    files: Mapping[str, Path] = field(default_factory=dict)
