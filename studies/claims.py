"""What papers claim in their text, and what is known of other papers' networks: studies/claims.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from base.reading import check_schema, read_yaml
from studies.load import CLAIMS


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A number in a paper's running text, and the cells (study/table/row/column) that it follows from.

    rule   how it follows: share, less, difference, value; empty where it does not, and `needs` says what it would take
    peer   whose recorded `count` stands for a cell
    """

    id: str
    study: str
    place: str
    quote: str
    printed: str
    unit: str
    rule: str = ""
    cells: tuple[str, ...] = ()
    peer: str = ""
    count: str = ""
    needs: str = ""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A network in closed form: a name of `reports.audit.closed_forms.FORMS`, and its sizes."""

    name: str
    width: int
    depth: int
    ratio: int | None = None


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What its own paper and code say of a network that our papers compare themselves with.

    row        id of its rows; variant: of ours
    frames     of a pass; emits: `all` of them or `one`; every: frames from one pass to the next
    evaluated  what its released evaluation keeps: `all` frames, the `centre` one, or the mean of `windows`
    input      whose key points: `cpn` or `sh`
    refined    cell -> source, for cells that include a step after the network
    prints     column -> numbers that its own paper prints for different settings
    counts     name -> recorded count
    """

    frames: int
    evaluated: str
    emits: str
    row: str = ""
    variant: str = ""
    windows: int = 1
    every: int = 1
    input: str = ""
    refined: Mapping[str, str] = field(default_factory=dict)
    prints: Mapping[str, Sequence[str]] = field(default_factory=dict)
    p1: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    form: Form | None = None


@dataclass(frozen=True)
class Claims:
    """All sentences, and the peers by name."""

    sentences: tuple[Sentence, ...]
    peers: dict[str, Peer]


@cache
def read_claims() -> Claims:
    """studies/claims.yaml. Raises InputError for the first mistake."""
    content = read_yaml(CLAIMS)
    check_schema(content, "claims", CLAIMS)
    sentences = (Sentence(**text | {"cells": tuple(text.get("cells", ()))}) for text in content["text"])
    forms = {name: Form(**peer["form"]) for name, peer in content["peers"].items() if "form" in peer}
    peers = {name: Peer(**peer | {"form": forms.get(name)}) for name, peer in content["peers"].items()}
    return Claims(tuple(sentences), peers)
