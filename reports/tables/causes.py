"""Why a printed count has its digits: the rule that turns one of our counts into them, and the cause that it is.

A cause is data of a cell. It follows from the simplest rule that gives the printed digits, first among those of the
column's own convention.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from studies.printed import Printed, agrees, cut_off

EXACT, CUT, DIVIDED, MULTIPLIED, HALVED, OTHER, OWN_SUM, NO_RULE = (
    "exact",
    "cut off",
    "divided by T",
    "multiplied by T",
    "halved",
    "another counter",
    "from its own row",
    "no rule",
)
CAUSES = (EXACT, CUT, DIVIDED, MULTIPLIED, HALVED, OTHER, OWN_SUM, NO_RULE)
MEANING = {
    EXACT: "the same count, rounded to the printed digits",
    CUT: "the same count, cut off instead of rounded",
    DIVIDED: "the count of a clip divided by its T frames, although the network answers for one frame",
    MULTIPLIED: "the count of a clip times its T frames",
    HALVED: "half of the count",
    OTHER: "the count under another convention, which the reason names",
    OWN_SUM: "the paper's own MACs of a clip divided by T",
    NO_RULE: "no count of ours gives the printed digits",
}
PRINTED_MACS = "printed MACs"  # the row's own, as the paper prints them
BY_LENGTH, TIMES_LENGTH, HALF, CUT_OFF = "/T", " x T", "/2", " cut off"


@dataclass(frozen=True)
class Rule:
    """How one of our counts may become a printed number.

    counter : a convention, or PRINTED_MACS
    length  : BY_LENGTH or TIMES_LENGTH where the clip's frames are in it once too seldom or too often
    change  : HALF or CUT_OFF
    """

    counter: str
    length: str = ""
    change: str = ""

    def __str__(self) -> str:
        return f"{self.counter}{self.length}{self.change}"

    def cause(self, own: str) -> str:
        """What it means for a column of the convention `own`."""
        if self.counter == PRINTED_MACS:
            return OWN_SUM
        if self.length:
            return DIVIDED if self.length == BY_LENGTH else MULTIPLIED
        if self.change == HALF:
            return HALVED
        return OTHER if self.counter != own else CUT if self.change else EXACT

    def simplicity(self, own: str) -> tuple[object, ...]:
        """Sorts rules, the simplest explanation first."""
        steps = bool(self.length) + bool(self.change)
        return self.counter != own, self.counter == PRINTED_MACS, steps, CAUSES.index(self.cause(own))


def rules_that_fit(printed: Printed | None, values: Mapping[Rule, float], own: str) -> list[Rule]:
    """Rules other than the column's `own` convention that give the printed digits, the simplest first.

    values: counts in base units by the rule that makes them. Besides each of them: what it gives cut off instead of
    rounded, and half of it, for some papers report a profiler's count divided by two (SasMamba's 1.3 G).
    """
    if printed is None:
        return []
    fitting = [rule for rule, value in values.items() if rule != Rule(own) and agrees(printed, value)]
    fitting += [Rule(r.counter, r.length, CUT_OFF) for r, value in values.items() if cut_off(printed, value)]
    fitting += [Rule(r.counter, r.length, HALF) for r, value in values.items() if agrees(printed, value / 2)]
    return sorted(fitting, key=lambda rule: rule.simplicity(own))


def cause_of(printed: Printed, measured: float, rules: Iterable[Rule], own: str) -> str:
    """Why a printed count is what it is; measured: our count in base units under the convention `own`."""
    if agrees(printed, measured):
        return EXACT
    first = next(iter(rules), None)
    return first.cause(own) if first else NO_RULE
