"""The ledger: every number that the papers print, in tables and in their text, as a claim with its verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import pandas as pd

from base.errors import InputError
from reports.tables.cell import DIFFERS, NOT_RUN, REPRODUCED, Cell, of_table
from studies.claims import Peer, Sentence, read_claims
from studies.load import load_study
from studies.printed import MARKS, Printed, parse_printed
from studies.types import AccuracyColumn, Column, Study, Table, VideoColumn


@dataclass(frozen=True)
class Claim:
    """A printed number: `id` is study/table/row/column, or study/text/name for a sentence's.

    metric, protocol (of accuracies: protocol, input, benchmark, boxes) and convention say what it is a number of;
    printed is the text, value the number in `unit`; measured the value of this project under the same convention, or
    None; verdict, cause, why, matches (other rules that give the printed digits) and quoted as in tables; notes are the
    paper's own footnotes to this cell or its row.
    """

    id: str
    study: str
    place: str
    row: str
    label: str
    metric: str
    protocol: str
    convention: str
    printed: str
    value: float | None
    unit: str | None
    measured: float | None
    verdict: str
    why: str
    cause: str = ""
    matches: str = ""
    quoted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def number(self) -> Printed:
        """The printed number with its unit and decimals."""
        number = parse_printed(self.printed, self.unit)
        assert number is not None, self.id  # a claim is printed
        return number

    @property
    def base(self) -> float:
        """The printed number in base units (1, MAC, mm, points)."""
        return self.number.value * self.number.factor


@dataclass(frozen=True)
class Ledger:
    """All claims by id, in the order of the studies; the studies; and what else studies/claims.yaml says."""

    claims: dict[str, Claim]
    peers: dict[str, Peer]
    studies: list[Study] = field(default_factory=list)

    def table(self, flagged: Mapping[str, Sequence[str]]) -> pd.DataFrame:
        """A row a claim; `findings` are the ids of those that flag it (claim -> findings)."""
        rows = [asdict(claim) for claim in self.claims.values()]
        for row in rows:
            row |= {"notes": "; ".join(row["notes"]), "findings": " ".join(flagged.get(row["id"], ()))}
        return pd.DataFrame(rows, columns=[*(field.name for field in fields(Claim)), "findings"])


def make_ledger(studies: Sequence[str | Path], cells: Sequence[Cell]) -> Ledger:
    """Every printed number of the studies with the verdict on its cell (`reports.tables.cell.read_cells`).

    Raises InputError where studies/claims.yaml names a cell that the studies do not print (of a study that is among
    them), and for a table without cells.
    """
    known = read_claims()
    loaded = [load_study(study) for study in studies]
    claims = {c.id: c for study in loaded for c in _study_claims(study, cells)}
    names = {study.name for study in loaded}
    for sentence in known.sentences:
        if sentence.study in names:
            claim = _text_claim(sentence, claims, known.peers)
            claims[claim.id] = claim
    return Ledger(claims, known.peers, loaded)


def _study_claims(study: Study, cells: Sequence[Cell]) -> Iterator[Claim]:
    """Claims of a study's tables, column by column."""
    for table in study.tables:
        own = of_table(cells, study.name, table.id)
        for column in table.columns:
            judged = (cell for cell in own if cell.column == column.id and cell.is_judged)
            yield from (_cell_claim(table, column, cell) for cell in judged)


def _cell_claim(table: Table, column: Column, cell: Cell) -> Claim:
    number = f"Table {table.number}" if table.number else table.title
    return Claim(
        id=cell.claim,
        study=cell.study,
        place=f"{number}, {cell.row_label}, {column.label}",
        row=cell.row,
        label=cell.row_label,
        metric=column.metric,
        protocol=_protocol(column, table) if isinstance(column, AccuracyColumn) else "",
        convention=cell.convention,
        printed=cell.printed,
        value=cell.printed_value,
        unit=cell.unit or None,  # nothing is measured where a paper prints OOM
        measured=cell.measured,
        verdict=cell.verdict,
        why=cell.why,
        cause=cell.cause,
        matches=cell.matches,
        quoted=cell.quoted,
        notes=_notes(table, cell),
    )


def _protocol(column: AccuracyColumn, table: Table) -> str:
    """What an accuracy is of; its split only where that is another than the usual one of such columns."""
    what = (column.benchmark, column.boxes) if isinstance(column, VideoColumn) else (column.input,)
    split = "" if column.split == type(column).split else column.split
    return " ".join(filter(None, (column.protocol, *what, split, table.benchmark)))


def _notes(table: Table, cell: Cell) -> tuple[str, ...]:
    """The paper's footnotes to a cell: those of its row, but one with a mark (*) only where the cell has that mark."""
    row = table.row(cell.row)
    notes = [table.footnotes[note] for note in row.notes] if row else []
    theirs = [note for note in notes if not note.startswith("Ours:")]
    return tuple(n for n in theirs if n[0] not in MARKS or cell.printed.endswith(n[0]))


def _text_claim(sentence: Sentence, claims: Mapping[str, Claim], peers: Mapping[str, Peer]) -> Claim:
    """A sentence's number, judged against the table cells that it follows from."""
    value, verdict, why = None, NOT_RUN, sentence.needs
    if sentence.rule:
        value = implied(sentence, claims, peers)
        decimals = len(sentence.printed.partition(".")[2])
        near = abs(value - float(sentence.printed)) <= 0.5 * 10**-decimals + 1e-9
        verdict = REPRODUCED if near else DIFFERS
        recorded = [f"the recorded count of {sentence.peer}"] if sentence.peer else []
        why = f"{sentence.rule} of {' and '.join([*sentence.cells, *recorded])}: {value:.{decimals + 2}f}"
    return Claim(
        id=f"{sentence.study}/text/{sentence.id}",
        study=sentence.study,
        place=f"text, {sentence.place}: “{sentence.quote}”",
        row=sentence.id,
        label=sentence.quote,
        metric=sentence.rule or "needs data",
        protocol="",
        convention="arithmetic",
        printed=sentence.printed,
        value=float(sentence.printed),
        unit=sentence.unit,
        measured=value,
        verdict=verdict,
        why=why,
    )


def implied(sentence: Sentence, claims: Mapping[str, Claim], peers: Mapping[str, Peer]) -> float:
    """What the cells behind a sentence give: their share, their difference, or the number itself.

    Raises InputError for a cell or a peer that does not exist.
    """
    where = f"studies/claims.yaml: text {sentence.id}"
    if missing := [cell for cell in sentence.cells if cell not in claims]:
        raise InputError(f"{where}: the studies print nothing at {missing[0]}")
    first, *rest = [claims[cell].base for cell in sentence.cells]
    if sentence.peer:
        try:
            rest.append(float(peers[sentence.peer].counts[sentence.count]))
        except KeyError as key:
            raise InputError(f"{where}: there is no {key}") from None
    if sentence.rule == "share":
        return 100 * first / rest[0]
    if sentence.rule == "less":
        return 100 * (1 - first / rest[0])
    return abs(first - rest[0]) if sentence.rule == "difference" else first
