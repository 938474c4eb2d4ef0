"""What a check looks at and gives, and a finding shown: words of studies/findings.yaml with the numbers of its check."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import pandas as pd

from reports.audit.ledger import Claim, Ledger
from reports.measurements import EFFICIENCY_SCALE, pick
from studies.claims import Peer
from studies.findings import EFFECTS, Finding
from studies.printed import Printed, agrees, cut_off
from studies.types import Row

STANDS, FALLS, NEEDS, CITED = "reproduces", "does not reproduce", "needs data", "cited"
COMMAND = ".venv/bin/python -m workflow audit {}"
EXPERIMENT = ".venv/bin/python -m workflow.measuring.evidence {}"
COUNTS = "efficiency counts; `make efficiency`"


class Missing(Exception):  # noqa: N818 - no error: the audit says what is needed
    """A check cannot be made; its text says what it needs."""


class NotChosen(Exception):  # noqa: N818 - no error: the audit leaves the finding out
    """A check is about a study that is not among those chosen."""


@dataclass(frozen=True)
class Material:
    """What checks look at: the ledger, all measurements, and evidence from running code.

    experiments : name -> what `workflow.measuring.evidence` gives, plain numbers and texts
    """

    ledger: Ledger
    measurements: pd.DataFrame
    experiments: Mapping[str, dict] = field(default_factory=dict)

    def cell(self, where: str) -> Claim:
        """The claim of a cell, study/table/row/column. Raises NotChosen where its study was not read."""
        if where not in self.ledger.claims:
            raise NotChosen(where)
        return self.ledger.claims[where]

    def column(self, metric: str, *tables: str) -> list[Claim]:
        """Claims of one metric in these tables (study/table), in their order. Raises NotChosen where there is none."""
        places = tuple(f"{table}/" for table in tables)
        claims = [c for c in self.ledger.claims.values() if c.metric == metric and c.id.startswith(places)]
        if not claims:
            raise NotChosen(metric)
        return claims

    def row(self, claim: Claim) -> Row:
        """The row of a claim, as its study has it."""
        study, table, row, _ = claim.id.split("/")
        return next(s for s in self.ledger.studies if s.name == study).table(table).row(row)

    def fact(self, claim: Claim, column: str) -> str:
        """What the row of a claim prints in another column, as text."""
        return self.row(claim).cells[column]

    def peer(self, claim: Claim) -> Peer | None:
        """What studies/claims.yaml knows of a row's network; None for the papers' own."""
        return next((peer for peer in self.ledger.peers.values() if peer.row == claim.row), None)

    def variant(self, claim: Claim) -> str:
        """The variant of a row's network: a peer's, or one of the papers' own."""
        peer = self.peer(claim)
        return peer.variant if peer else claim.row

    def counts(self, variant: str, metric: str) -> dict[str, float]:
        """Our counts of a variant by convention, base units; empty where nothing was counted."""
        rows = pick(self.measurements, scale=EFFICIENCY_SCALE, variant=variant, metric=metric)
        return dict(zip(rows["convention"], rows["value"], strict=True))

    def count(self, variant: str, metric: str, convention: str) -> float:
        """One of them. Raises Missing where it was not counted."""
        counts = self.counts(variant, metric)
        if convention not in counts:
            raise Missing(COUNTS)
        return counts[convention]

    def experiment(self, name: str) -> dict:
        """What an experiment gave. Raises Missing where it was not made."""
        if name not in self.experiments:
            raise Missing(f"the experiment; `{EXPERIMENT.format(name)}`")
        return self.experiments[name]


@dataclass(frozen=True)
class Evidence:
    """What a check computed.

    holds   whether the finding is true; head, rows: the evidence as a table of texts
    cells   ids of the claims of which the finding's sentence is true: these are flagged, and no others
    values  fill the placeholders in the finding's `found` and `changes`
    effect  the largest factor, 1 or more, between two numbers that are set against each other; 0 where there is none
    """

    holds: bool
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    cells: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    effect: float = 0.0


Check = Callable[[Material], Evidence]
CHECKS: dict[str, Check] = {}
EXPERIMENTS: set[str] = set()  # ids of findings that an experiment of the same name shows


def check(function: Check) -> Check:
    """Register a check as that of the finding of its name."""
    CHECKS[function.__name__.replace("_", "-")] = function
    return function


@dataclass(frozen=True, kw_only=True)
class ShownFinding(Finding):
    """A finding filled in with the evidence of its check.

    status   of STANDS, FALLS, NEEDS, CITED; needs: what the check lacks, and what makes it
    head, rows, cells, effect  as of `Evidence`; true_of: the cells in words, by table
    command  what makes the evidence again
    """

    status: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    cells: tuple[str, ...] = ()
    effect: float = 0.0
    needs: str = ""
    true_of: Mapping[str, list[str]]
    command: str

    def plain(self) -> dict[str, object]:
        """The finding as JSON has it, with the addresses of code and of threads."""
        code = [asdict(code) | {"link": code.link} for code in self.code]
        said = [asdict(said) | {"link": said.link} for said in self.said]
        return asdict(self) | {"about": list(self.about), "code": code, "said": said}


def show(finding: Finding, material: Material) -> ShownFinding | None:
    """A finding with the evidence of its check; None where it is about no study that was chosen."""
    if not set(finding.about) & {study.name for study in material.ledger.studies}:
        return None
    evidence, status, needs = Evidence(True, (), ()), CITED, ""
    if finding.id in CHECKS:
        try:
            evidence = CHECKS[finding.id](material)
            status = STANDS if evidence.holds else FALLS
        except Missing as missing:
            status, needs = NEEDS, str(missing)
        except NotChosen:
            return None
    command = (EXPERIMENT if finding.id in EXPERIMENTS else COMMAND).format(finding.id)
    # Sentences that need numbers are left out where there are none.
    words = ("", "") if needs else (text.format(**evidence.values) for text in (finding.found, finding.changes))
    said = vars(finding) | dict(zip(("found", "changes"), words, strict=True))
    return ShownFinding(
        **said,
        status=status,
        needs=needs,
        head=evidence.head,
        rows=evidence.rows,
        cells=evidence.cells,
        effect=evidence.effect,
        true_of=_by_table(evidence.cells, material.ledger),
        command=command,
    )


def _by_table(cells: tuple[str, ...], ledger: Ledger) -> dict[str, list[str]]:
    """Cells in words, by table (study/table): `MHFormer MACs/frame`."""
    words: dict[str, list[str]] = {}
    for claim in map(ledger.claims.__getitem__, cells):
        column = claim.place.rpartition(", ")[2]
        words.setdefault("/".join(claim.id.split("/")[:2]), []).append(f"{claim.label} {column}")
    return words


def order(shown: ShownFinding) -> tuple[bool, int, float]:
    """Sorts findings by what they change for somebody who compares networks, then by how much."""
    return (shown.status == NEEDS, list(EFFECTS).index(shown.affects), -shown.effect)


def fits(printed: Printed, value: float) -> bool:
    """Whether a value, in base units, rounds or is cut to the printed digits."""
    return agrees(printed, value) or cut_off(printed, value)


def fit(printed: Printed, value: float) -> str:
    """Whether it does, in a word."""
    return "rounded" if agrees(printed, value) else "cut" if cut_off(printed, value) else "no"


def factor(one: float, other: float) -> float:
    """How many times the larger of two numbers is the smaller: 1 or more; 0 where one of them is not above 0."""
    return max(one / other, other / one) if min(one, other) > 0 else 0.0


def short(value: float) -> str:
    """A count with three to five digits and its unit: 3.587 G, 859.7 k."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def listed(names: list[str]) -> str:
    """Names in a sentence: a, b and c; each once, `none` for none."""
    *first, last = list(dict.fromkeys(names)) or ["none"]
    return f"{', '.join(first)} and {last}" if first else last
