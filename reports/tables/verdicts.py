"""Printed against measured: the four verdicts, each with its reason.

reproduced      same convention, and the measured value rounds to the printed digits; an accuracy counts as reproduced
                at scale `paper` on the paper's own data, within ACCURACY_TOLERANCE of the printed number
differs         comparable, but not the same
not comparable  measured under other conditions than the paper's, or the paper prints nothing to compare with
not run         no measurement; the reason says why
"""

from collections.abc import Sequence
from typing import NamedTuple

from reports.failures import FAILED
from reports.measurements import Summary
from reports.tables.causes import Rule
from reports.tables.cell import DIFFERS, NOT_COMPARABLE, NOT_RUN, REPRODUCED
from studies.benchmarks import BENCHMARKS
from studies.printed import Printed, agrees
from studies.scales import PAPER, scale_named

NAMED_RULES = 3  # that a reason lists before it counts
ACCURACY_TOLERANCE = 0.5  # in base units: mm, mm/frame or points of a percentage
NO_PRINT = "the paper prints no value"


class Missing(NamedTuple):
    """Why nothing was measured: in the two words of a cell, and in full."""

    words: str
    why: str


NO_MODEL = Missing("no implementation", "no implementation yet")
NOT_TRAINED = Missing("not trained", "counted here, but not trained")
NOT_BY_ITS_OWN = Missing("not trained", "not trained by its own paper's recipe; see the study equal-terms")
NO_DATA = Missing("needs registration", "data needs registration")
NOT_THEIRS = Missing("other scales", "needs the papers' data; measured at the other scales")
NOT_FILMED = Missing("no video", "no video is rendered from this motion")
NO_ROOM = Missing("no memory", "not trained: the paper reports out of memory")
NO_BOXES = Missing("boxes unstated", "the paper does not state its boxes; two columns show both kinds")
NOT_SELECTED = Missing("not selected", "not selected in config.yaml")


class Verdict(NamedTuple):
    """A verdict and the reason for it, in plain words; missing: the two words of a cell that was not run."""

    verdict: str
    why: str
    missing: str = ""


def judge_efficiency(printed: Printed | None, measured: float, convention: str, rules: Sequence[Rule]) -> Verdict:
    """Verdict on a count, in base units (1, MAC); rules: others that give the printed digits, the simplest first."""
    if printed is None:
        return Verdict(NOT_COMPARABLE, NO_PRINT)
    if agrees(printed, measured):
        return Verdict(REPRODUCED, f"rounds to the printed digits under convention `{convention}`")
    if rules:
        return Verdict(DIFFERS, f"the printed digits are those of {_listed(rules)}, not of `{convention}`")
    return Verdict(DIFFERS, f"no convention measured here gives the printed digits (compared under `{convention}`)")


def judge_accuracy(
    printed: Printed | None,
    measured: Summary,
    scale: str,
    benchmark: str | None,
    data: str,
    departures: Sequence[str] = (),
) -> Verdict:
    """Verdict on an error or percentage, in base units: comparable only at scale `paper` on the benchmark's data.

    benchmark: what the printed number is for; data: what was measured on; departures: what was less than the paper's.
    """
    if printed is None:
        return Verdict(NOT_COMPARABLE, NO_PRINT)
    if scale != PAPER or data != benchmark:
        condition = scale_named(scale).condition.format(data=data)
        made = f"scale {scale}: {condition}" if condition else f"scale {scale}, but {data} motion"
        theirs = BENCHMARKS[benchmark].title if benchmark in BENCHMARKS else "other data"
        return Verdict(NOT_COMPARABLE, f"{made}; the printed number is for {theirs}")
    if departures:
        return Verdict(NOT_COMPARABLE, f"scale paper, but with {', '.join(departures)}")
    off = abs(measured.mean - printed.value * printed.factor)
    mean = f"the mean of {measured.n} seeds is {off:.2f} off the printed number"
    if off <= ACCURACY_TOLERANCE:
        return Verdict(REPRODUCED, f"{mean}, at most {ACCURACY_TOLERANCE}")
    return Verdict(DIFFERS, f"{mean}, more than {ACCURACY_TOLERANCE}")


def judge_memory(predicted: float, limit: Printed) -> Verdict:
    """Verdict on a printed "OOM": memory of a training step, predicted in MiB, against that of the paper's device."""
    needed = f"{limit.from_base(predicted):.1f} {limit.unit}"
    if predicted > limit.value * limit.factor:
        return Verdict(REPRODUCED, f"predicted {needed} > {limit.text}")
    return Verdict(DIFFERS, f"predicted {needed}, which fits into {limit.text}")


def judge_missing(printed: Printed | None, missing: Missing) -> Verdict:
    """Verdict on a cell without a measurement."""
    return Verdict(NOT_RUN, missing.why if printed else f"{missing.why}; {NO_PRINT}", missing.words)


def failed(reason: str) -> Missing:
    """What is missing because something failed; reason: of `reports.failures`."""
    return Missing(FAILED, reason)


def _listed(rules: Sequence[Rule]) -> str:
    """The simplest rules by name, and how many more there are."""
    names = [f"`{rule}`" for rule in rules[:NAMED_RULES]]
    more = len(rules) - len(names)
    names += [f"{more} other rule{'s' if more > 1 else ''}"] if more else []
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
