"""Figures of the studies: `draw` turns a figure's description into an SVG and a PNG."""

from reports.figures.draw import draw, read_sources, write_figure
from reports.figures.sources import NotDrawn, Sources

__all__ = ["NotDrawn", "Sources", "draw", "read_sources", "write_figure"]
