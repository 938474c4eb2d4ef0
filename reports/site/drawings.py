"""Drawings as the site has them: smaller than the figures that they are copied from, and the same to the eye."""

import re

PLACES = re.compile(r'\b(?:d|x|y)="[^"]*"|translate\([^)]*\)')  # in an SVG
STYLE = re.compile(r' style="[^"]*"')
BREAKS = re.compile(r"\s*\n\s*")
DECIMALS = re.compile(r"-?\d+\.\d+")


def rounded(svg: str) -> str:
    """A drawing with places to a tenth of a point, finer than anybody sees, and without blanks that mean nothing."""
    svg = PLACES.sub(lambda place: DECIMALS.sub(_tenths, place[0]), svg)
    return BREAKS.sub(" ", STYLE.sub(lambda style: style[0].replace(": ", ":").replace("; ", ";"), svg))


def _tenths(number: re.Match) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
