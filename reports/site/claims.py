"""What the page of claims lists besides orders: every number that the papers print, in tables and in running text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from reports.tables.causes import EXACT, MEANING
from reports.tables.layout import SYMBOLS
from studies.types import CountColumn, Study

TEXT = "text"
COST, ERROR = "cost", "error"


@dataclass(frozen=True)
class PrintedClaim:
    """A printed number as a line of the list.

    kind     cost, error, or of running text
    place    where it stands; link: the table of its page, empty of text
    word     its verdict, or the cause of that on a cost; symbol: of the verdict
    findings ids of what the audit says about it
    """

    id: str
    study: str
    kind: str
    place: str
    link: str
    printed: str
    here: str
    word: str
    symbol: str
    verdict: str
    why: str
    findings: tuple[str, ...]


def printed_claims(studies: Sequence[Study], claims: Sequence[Mapping]) -> Iterator[PrintedClaim]:
    """Lines of all claims of an audit (`audit.json`) that are the papers' own, not quoted from others."""
    named = {study.name: study for study in studies}
    for claim in claims:
        if not claim["quoted"] and claim["study"] in named:
            yield _line(named[claim["study"]], claim)


def _line(study: Study, claim: Mapping) -> PrintedClaim:
    _, table, *_, column = claim["id"].split("/")
    kind = TEXT if table == TEXT else COST if isinstance(study.table(table).column(column), CountColumn) else ERROR
    measured, unit = claim["measured"], claim["unit"] or ""
    return PrintedClaim(
        id=claim["id"],
        study=study.name,
        kind=kind,
        place=claim["place"],
        link="" if kind == TEXT else f"{study.name}.html?rows={quote(claim['label'])}#{table}",
        printed=claim["printed"] + (f" {unit}" if kind != COST and unit else ""),
        here="" if measured is None else f"{measured:.4g} {unit}".strip(),
        word=claim["cause"] or claim["verdict"],
        symbol=SYMBOLS[claim["verdict"]],
        verdict=claim["verdict"],
        why=MEANING[EXACT] if claim["cause"] == EXACT else claim["why"],
        findings=tuple(claim["findings"].split()),
    )
