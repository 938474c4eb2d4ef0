"""Drawings as the site has them: smaller than the figures that they are copied from, and the same to the eye."""

import re

PLACES = re.compile(r'\b(?:d|x|y)="[^"]*"|translate\([^)]*\)')  # in an SVG
STYLE = re.compile(r' style="[^"]*"')
BREAKS = re.compile(r"\s*\n\s*")
DECIMALS = re.compile(r"-?\d+\.\d+")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
ID = re.compile(r' id="([^"]*)"')
USED = re.compile(r"#([\w.-]+)")
PATH = re.compile(r' d="[^"]*"')
COMMAND = re.compile(r" ?([A-Za-z]) ?")
BARE = re.compile(r"<g>((?:(?!</?g[ >]).)*)</g>", re.DOTALL)  # a group that says nothing, around no other


def rounded(svg: str) -> str:
    """A drawing with places to a tenth of a point, finer than anybody sees, and without what draws nothing."""
    svg = PLACES.sub(lambda place: DECIMALS.sub(_tenths, place[0]), COMMENT.sub("", svg))
    svg = BREAKS.sub(" ", STYLE.sub(lambda style: style[0].replace(": ", ":").replace("; ", ";"), svg))
    used = set(USED.findall(svg))
    svg = ID.sub(lambda name: name[0] if name[1] in used else "", svg).replace("> <", "><")
    svg = PATH.sub(lambda path: path[0][:4] + COMMAND.sub(r"\1", path[0][4:-1]).strip() + '"', svg)
    while (less := BARE.sub(r"\1", svg)) != svg:
        svg = less
    return svg


def _tenths(number: re.Match) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
