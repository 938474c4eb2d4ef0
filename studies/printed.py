"""Numbers as a paper prints them, and whether a measured value rounds to the same digits."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from base.errors import InputError

# Unit of a cell -> what it measures, and how many base units it is. The base units are those of measurements.csv.
UNITS: dict[str, tuple[str, int]] = {
    "": ("count", 1),
    "k": ("count", 10**3),
    "M": ("count", 10**6),
    "G": ("count", 10**9),
    "Gi": ("count", 2**30),
    "mm": ("length", 1),
    "m": ("length", 10**3),
    "mm/frame": ("velocity", 1),
    "mm/frame^2": ("acceleration", 1),
    "%": ("percentage", 1),
    "MiB": ("memory", 1),
    "GiB": ("memory", 1024),
    "ms": ("time", 1),
}
OUT_OF_MEMORY = "OOM"  # printed where a network did not fit on the paper's device
NO_VALUE = ("", "-", OUT_OF_MEMORY)  # what a cell holds where the paper prints no number
MARKS = "*†‡"  # references to footnotes behind a number
NUMBER = r"(?P<number>[+-]?\d+(?:\.(?P<fraction>\d+))?)"
CELL = re.compile(rf"{NUMBER}\s*(?P<unit>(?:[A-Za-z%][^\s{MARKS}]*)?)(?P<mark>[{MARKS}]*)", re.ASCII)


@dataclass(frozen=True)
class Printed:
    """A number as a paper prints it.

    text      verbatim
    value     in `unit`
    decimals  digits after the point: how exactly the paper states it
    unit      key of UNITS; the cell's own, else its column's
    factor    base units (1, MAC, mm, mm/frame, mm/frame^2, %, MiB) in one `unit`
    mark      references to footnotes, such as `*`
    """

    text: str
    value: float
    decimals: int
    unit: str
    factor: int
    mark: str = ""

    @property
    def exact(self) -> Decimal:
        """The number in base units, with the digits that are printed."""
        return Decimal(str(self.value)).quantize(Decimal(1).scaleb(-self.decimals)) * self.factor

    def from_base(self, measured: float) -> float:
        """A measured value, in base units, expressed in the printed unit."""
        return measured / self.factor

    def interval(self, cut: bool = False) -> tuple[Decimal, Decimal]:
        """The least and the largest number, in base units, that is printed so when it is rounded, or else `cut` off."""
        value, step = Decimal(str(self.value)), Decimal(1).scaleb(-self.decimals)
        return (value - step / 2) * self.factor, (value + (step if cut else step / 2)) * self.factor


def parse_printed(text: str, unit: str | None = None) -> Printed | None:
    """Parse a cell such as "0.860 M", "41.8" or "22.0*"; None where the paper prints no number ("-", "OOM" or empty).

    unit: that of the column, for cells without one. A cell's own unit wins, but must measure the same.
    Raises InputError for text that is no number, and for an unknown or unfitting unit.
    """
    text = text.strip()
    if text in NO_VALUE:
        return None
    cell = CELL.fullmatch(text)
    if cell is None:
        raise InputError(f"printed value {text!r} is not a number with an optional unit, like '0.860 M' (or '-')")
    own = cell["unit"] or unit or ""
    for name in (own, unit or own):
        if name not in UNITS:
            raise InputError(f"printed value {text!r}: unknown unit {name!r}; known: {', '.join(filter(None, UNITS))}")
    kind, factor = UNITS[own]
    if unit and UNITS[unit][0] != kind:
        raise InputError(f"printed value {text!r}: its unit does not fit its column's unit {unit!r}")
    return Printed(text, float(cell["number"]), len(cell["fraction"] or ""), own, factor, cell["mark"])


def agrees(printed: Printed, measured: float) -> bool:
    """Whether a measured value, in base units, rounds to the printed digits in the printed unit.

    A tie may be rounded either way: papers do not say how they round, so 41.85 agrees with 41.8 and with 41.9. The
    comparison is in decimals, on the shortest text of the float, so that 41.85 is a tie although its binary is not.
    A value that is not finite agrees with nothing.
    """
    low, high = printed.interval()
    return math.isfinite(measured) and low <= _exact(measured) <= high


def cut_off(printed: Printed, measured: float) -> bool:
    """Whether a measured value, in base units, has the printed digits if cut off, and would have others if rounded."""
    (_, rounded), (_, cut) = printed.interval(), printed.interval(cut=True)
    return math.isfinite(measured) and rounded < _exact(measured) < cut


def _exact(value: float) -> Decimal:
    return Decimal(str(value if isinstance(value, int) else float(value)))  # numpy's numbers print their type
