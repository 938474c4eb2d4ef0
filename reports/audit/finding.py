"""What the audit found: a finding says what is claimed, what was found, and with which numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from reports.audit.ledger import Ledger
from reports.measurements import Choice

KINDS = {
    "contradiction": "The same thing with two numbers",
    "arithmetic": "Numbers that do not follow from each other",
    "counting": "What was counted, and what was not",
    "protocol": "How accuracy was measured",
    "code": "What the released code does",
}
STANDS, FALLS, NEEDS = "reproduces", "does not reproduce", "needs data"


@dataclass(frozen=True)
class Material:
    """What checks look at: the ledger, all measurements, the choice of a report, and evidence from running code.

    evidence : name -> what `workflow.evidence` found, plain numbers and texts
    """

    ledger: Ledger
    measurements: pd.DataFrame
    choice: Choice
    evidence: dict[str, dict] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One finding.

    id, kind, title; claimed : what the papers say, and where; found : what is the case, in one or two sentences whose
    numbers come from the evidence; change : how much it changes; effect : the largest factor, 1 or more, between two
    numbers that it sets against each other, 0 where there is none; head, rows : the evidence as a table of texts;
    claims : ids of the claims that it touches; status : STANDS, FALLS or NEEDS (then `needs` says what);
    command : what reruns it; reported : what others say of it, quoted as such.
    """

    id: str
    kind: str
    title: str
    claimed: str
    found: str
    change: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    status: str
    effect: float = 0.0
    claims: tuple[str, ...] = ()
    needs: str = ""
    command: str = ""
    reported: tuple[str, ...] = ()


Check = Callable[[Material], Sequence[Finding]]


def status(stands: bool | None) -> str:
    """The status of a check that came out so; None where it could not be made."""
    return NEEDS if stands is None else STANDS if stands else FALLS


def factor(one: float, other: float) -> float:
    """How many times the larger of two numbers is the smaller: 1 or more; 0 where one of them is not above 0."""
    return max(one / other, other / one) if min(one, other) > 0 else 0.0


def short(value: float) -> str:
    """A count with three to five digits and its unit: 3.587 G, 859.7 k."""
    for factor, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= factor:
            return f"{value / factor:.4g}{unit}"
    return f"{value:.4g}"
