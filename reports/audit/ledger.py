"""The ledger: every number that the papers print, in tables and in their text, as a claim with its verdict."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd

from reports.layout import judged_cells
from reports.tables import build_table
from reports.verdicts import DIFFERS, NOT_RUN, REPRODUCED
from studies.errors import InputError
from studies.load import CLAIMS, load_study
from studies.printed import Printed, parse_printed
from studies.reading import check_schema, read_yaml


@dataclass(frozen=True)
class Claim:
    """A printed number: `id` is study/table/row/column, or study/text/name for a sentence's.

    metric, protocol (of accuracies: protocol, input, benchmark, boxes) and convention say what it is a number of;
    printed is the text, value the number in `unit`; measured the value of this project under the same convention, or
    None; verdict, why and matches (other conventions that give the printed digits) as in the tables.
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
    value: float
    unit: str
    measured: float | None
    verdict: str
    why: str
    matches: str = ""


@dataclass(frozen=True)
class Ledger:
    """All claims by id, in the order of the studies; the studies; and what else studies/claims.yaml says."""

    claims: dict[str, Claim]
    peers: dict[str, dict]
    reported: list[dict]
    studies: list[dict] = field(default_factory=list)

    def printed(self, cell: str) -> Printed | None:
        """The printed number of a cell; None where there is none. Raises InputError for a cell of no claim."""
        claim = self.claims.get(cell)
        if claim is None:
            return None
        return parse_printed(claim.printed, claim.unit)

    def table(self) -> pd.DataFrame:
        """A row a claim."""
        return pd.DataFrame([asdict(claim) for claim in self.claims.values()])


def make_ledger(studies: Sequence[str | Path], measurements: pd.DataFrame, **options) -> Ledger:
    """Every printed number of the studies, judged against the measurements.

    options: those of `reports.tables.build_table`. Raises InputError where studies/claims.yaml names a cell that the
    studies do not print (of a study that is among them).
    """
    extra = known_claims()
    loaded = [load_study(study) for study in studies]
    claims = {c.id: c for study in loaded for c in _table_claims(study, measurements, options)}
    for text in extra["text"]:
        if text["study"] in {study["study"] for study in loaded}:
            claim = _text_claim(text, claims, extra["peers"])
            claims[claim.id] = claim
    return Ledger(claims, extra["peers"], extra["reported"], loaded)


@cache
def known_claims() -> dict:
    """studies/claims.yaml, checked. Raises InputError for the first mistake."""
    found = read_yaml(CLAIMS)
    check_schema(found, "claims", CLAIMS)
    return found


def _table_claims(study: dict, measurements: pd.DataFrame, options: dict) -> list[Claim]:
    return [
        _cell_claim(study, table, column, cell)
        for table in study["tables"]
        for cells in [judged_cells(build_table(study, table, measurements, **options))]
        for column in table["columns"]
        for cell in cells[cells["column"] == column["id"]].itertuples()
    ]


def _cell_claim(study: dict, table: dict, column: dict, cell: tuple) -> Claim:
    number = f"Table {table['number']}" if table.get("number") else table["title"]
    protocol = [column.get(key) for key in ("protocol", "input", "benchmark", "boxes", "split")] + [
        table.get("benchmark")
    ]
    return Claim(
        id=f"{study['study']}/{table['id']}/{cell.row}/{column['id']}",
        study=study["study"],
        place=f"{number}, {cell.row_label}, {column['label']}",
        row=cell.row,
        label=cell.row_label,
        metric=column["metric"],
        protocol=" ".join(filter(None, protocol)) if column["kind"] == "accuracy" else "",
        convention=cell.convention,
        printed=cell.printed,
        value=cell.printed_value,
        unit=cell.unit,
        measured=None if pd.isna(cell.measured) else float(cell.measured),
        verdict=cell.verdict,
        why=cell.why,
        matches=cell.matches if isinstance(cell.matches, str) else "",
    )


def _text_claim(text: dict, claims: dict[str, Claim], peers: dict[str, dict]) -> Claim:
    """A sentence's number, judged against the table cells that it follows from."""
    value, verdict, why = None, NOT_RUN, text.get("needs", "")
    if "rule" in text:
        value = implied(text, claims, peers)
        decimals = len(text["printed"].partition(".")[2])
        agrees = abs(value - float(text["printed"])) <= 0.5 * 10**-decimals + 1e-9
        verdict = REPRODUCED if agrees else DIFFERS
        of = " and ".join(text["cells"] + ([f"the recorded count of {text['peer']}"] if "peer" in text else []))
        why = f"{text['rule']} of {of}: {value:.{decimals + 2}f}"
    return Claim(
        id=f"{text['study']}/text/{text['id']}",
        study=text["study"],
        place=f"text, {text['place']}: “{text['quote']}”",
        row=text["id"],
        label=text["quote"],
        metric=text.get("rule", "needs data"),
        protocol="",
        convention="arithmetic",
        printed=text["printed"],
        value=float(text["printed"]),
        unit=text["unit"],
        measured=value,
        verdict=verdict,
        why=why,
    )


def implied(text: dict, claims: dict[str, Claim], peers: dict[str, dict]) -> float:
    """What the cells behind a sentence give: their share, their difference, or the number itself.

    Raises InputError for a cell or a peer that does not exist.
    """
    numbers = [_base(cell, claims, text["id"]) for cell in text["cells"]]
    if "peer" in text:
        try:
            numbers.append(float(peers[text["peer"]]["counts"][text["count"]]))
        except KeyError as key:
            raise InputError(f"studies/claims.yaml: text {text['id']}: there is no {key}") from None
    first, *rest = numbers
    if text["rule"] == "share":
        return 100 * first / rest[0]
    if text["rule"] == "less":
        return 100 * (1 - first / rest[0])
    return abs(first - rest[0]) if text["rule"] == "difference" else first


def _base(cell: str, claims: dict[str, Claim], who: str) -> float:
    """The printed number of a cell in base units (1, MAC, mm, points)."""
    if cell not in claims:
        raise InputError(f"studies/claims.yaml: text {who}: the studies print nothing at {cell}")
    printed = parse_printed(claims[cell].printed, claims[cell].unit)
    return printed.value * printed.factor
