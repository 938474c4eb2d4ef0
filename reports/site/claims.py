"""What the page of claims lists besides orders: every number that the papers print, in tables and in running text."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from reports.commands import make
from reports.measurements import NO_SUCH_DATA, Choice
from reports.orders.view import Line
from reports.tables.causes import EXACT, MEANING
from reports.tables.cell import NOT_RUN, Cell
from reports.tables.layout import SIGNS, SYMBOLS, number
from reports.tables.rows import row_shown
from reports.totals import word_of
from studies.claims import read_claims
from studies.data import Dataset
from studies.printed import OUT_OF_MEMORY
from studies.scales import PAPER
from studies.types import CountColumn, Study

TEXT = "text"
COST, ERROR = "cost", "error"
COUNT = ".venv/bin/python -m workflow counts {}"  # counts a network now, whatever files say
ROOM = 1.05  # so that a dot at the limit is seen whole
TIMED = "measured"  # the convention of what a clock or the memory of a process says


@dataclass(frozen=True)
class PrintedClaim:
    """A printed number as a line of the list.

    kind     cost, error, or of running text
    place    where it stands; link: its cell, empty of text; quote: the words around it, of text
    here     our number; spread: half its 95 % interval and of how many seeds, empty of counts
    ratio    ours divided by the printed one, with the ends of its interval; empty where one of the two is not there
    word     what became of it (`reports.totals.word_of`); symbol: its sign; cause: of a count
    findings ids of what the audit says about it
    runs     folders behind our number; counted: the variant that was counted
    train, again  what trains its network again, and what measures the number again; empty where nothing here does
    """

    id: str
    study: str
    kind: str
    place: str
    link: str
    quote: str
    printed: str
    here: str
    word: str
    symbol: str
    verdict: str
    cause: str
    why: str
    findings: tuple[str, ...]
    spread: str = ""
    ratio: tuple[float, ...] = ()
    runs: tuple[str, ...] = ()
    counted: str = ""
    train: str = ""
    again: str = ""


@dataclass(frozen=True)
class Untested:
    """Claims of one paper that nothing here can test, for one reason."""

    study: str
    word: str
    why: str
    claims: tuple[PrintedClaim, ...]


def printed_claims(
    studies: Sequence[Study], claims: Sequence[Mapping], cells: Iterable[Cell], choice: Choice
) -> list[PrintedClaim]:
    """Lines of all claims of an audit (`audit.json`) that are the papers' own, not quoted from others."""
    named, judged = {study.name: study for study in studies}, {cell.claim: cell for cell in cells}
    own = [claim for claim in claims if not claim["quoted"] and claim["study"] in named]
    return [
        _of_cell(named[claim["study"]], claim, judged[claim["id"]], choice)
        if claim["id"] in judged
        else _of_text(claim, choice)
        for claim in own
    ]


def limits_of(claims: Iterable[PrintedClaim]) -> dict[str, float]:
    """By kind the largest factor between a printed number and ours, or an end of its interval."""
    limits: dict[str, float] = {}
    for claim in claims:
        limits[claim.kind] = max([limits.get(claim.kind, 1.0), *(max(r, 1 / r) for r in claim.ratio)])
    return limits


def untested(claims: Iterable[PrintedClaim]) -> Iterator[Untested]:
    """What nobody here can test, in the order of the list: first what sentences claim, then cells by what they lack."""
    missing = [claim for claim in claims if claim.verdict == NOT_RUN]
    missing.sort(key=lambda claim: (claim.kind != TEXT, claim.study, claim.word, claim.why))
    for key, those in groupby(missing, lambda claim: (claim.study, claim.word, claim.why)):
        yield Untested(*key, tuple(those))


def _of_text(claim: Mapping, choice: Choice) -> PrintedClaim:
    """A number of a sentence, which follows from cells or from nothing that is here."""
    place, _, _ = claim["place"].removeprefix("text, ").partition(": “")
    sentence = next(text for text in read_claims().sentences if claim["id"] == f"{text.study}/{TEXT}/{text.id}")
    measured, unit = claim["measured"], claim["unit"] or ""
    return PrintedClaim(
        id=claim["id"],
        study=claim["study"],
        kind=TEXT,
        place=place,
        link="",
        quote=claim["label"],
        printed=f"{claim['printed']} {unit}".strip(),
        here="" if measured is None else f"{measured:.4g} {unit}".strip(),
        word=claim["verdict"],
        symbol=SYMBOLS[claim["verdict"]],
        verdict=claim["verdict"],
        cause="",
        why=claim["why"],
        findings=tuple(claim["findings"].split()),
        ratio=ratio_of(claim["value"], measured),
        again=make("audit", choice.scale, choice.motion) if sentence.rule else "",
    )


def _of_cell(study: Study, claim: Mapping, cell: Cell, choice: Choice) -> PrintedClaim:
    column = study.table(cell.table).column(cell.column)
    kind = COST if isinstance(column, CountColumn) else ERROR
    unit, decimals = cell.unit or "", cell.decimals or 0
    measured = "" if cell.measured is None else f"{number(cell.measured, max(decimals, 1))} {unit}".strip()
    low, high = (cell.low, cell.high) if cell.half is not None else (None, None)
    return PrintedClaim(
        id=cell.claim,
        study=study.name,
        kind=kind,
        place=claim["place"],
        link=f"{study.name}.html#{cell.claim}",
        quote="",
        printed=cell.printed + (f" {unit}" if kind == ERROR and unit else ""),
        here=measured,
        word=word_of(cell),
        symbol=SIGNS.get(cell.cause) or SYMBOLS[cell.verdict],
        verdict=cell.verdict,
        cause=cell.cause,
        why=MEANING[EXACT] if cell.cause == EXACT else cell.why,
        findings=tuple(claim["findings"].split()),
        spread=_spread(cell, decimals),
        ratio=ratio_of(cell.printed_value, cell.measured, low, high),
        runs=tuple(cell.runs.split()),
        **_commands(study, cell, kind, choice),
    )


def _spread(cell: Cell, decimals: int) -> str:
    """`± 1.2, 3 seeds`; empty of counts."""
    if not cell.n:
        return ""
    half = "" if cell.half is None else f"± {number(cell.half, max(decimals, 1))}, "
    return f"{half}{cell.n} seed{'s' * (cell.n > 1)}"


def _commands(study: Study, cell: Cell, kind: str, choice: Choice) -> dict[str, str]:
    """What trains the network of a cell again, what measures its number again, and the variant that was counted."""
    row = row_shown(study.table(cell.table), cell.row)
    if not row.variant:
        return {}
    if kind == COST or cell.printed == OUT_OF_MEMORY:
        counts = kind == COST and cell.convention != TIMED
        again = COUNT.format(row.variant) if counts else make("efficiency", choice.scale, choice.motion)
        return {"again": again, "counted": row.variant if kind == COST else ""}
    if not row.recipe or cell.dataset == NO_SUCH_DATA:
        return {}
    evidence = choice.evidence
    motion = Dataset.parse(cell.dataset).motion if evidence.scale == PAPER else evidence.motion
    seeds = {"seeds": ",".join(map(str, evidence.seeds))} if evidence.seeds else {}
    again = make("verify" if choice.records else "tables", choice.scale, motion)
    return {"train": make("train", evidence.scale, motion, variants=row.variant, **seeds), "again": again}


def ratio_of(printed: float | None, *ours: float | None) -> tuple[float, ...]:
    """Ours divided by the printed number, its interval as well; empty where no factor is between the two.

    An interval that goes down to 0 or further has no place on a logarithmic line, so that ours then stands alone.
    """
    if not printed or printed < 0 or not ours[0] or ours[0] < 0:
        return ()
    drawn = ours if all(value is not None and value > 0 for value in ours) else ours[:1]
    return tuple(value / printed for value in drawn)


def line_of(ratio: Sequence[float], limit: float) -> Line | None:
    """Ours on a logarithmic line with the printed number in its middle; None of none.

    limit : how many times less and more lies just within its ends
    """
    if not ratio:
        return None
    reach = ROOM * math.log(limit) or 1.0
    effect, *ends = (0.5 + math.log(value) / reach / 2 for value in ratio)
    return Line(0.5, effect, *(ends or (None, None)), None)
