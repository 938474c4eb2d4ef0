"""Scan orders over a video: in which order each path visits the cells of a few small frames, side by side."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from base.errors import InputError
from reports.figures.sources import Sources, read_arrays
from reports.figures.style import FAINT, INK, ORANGE, SEQUENTIAL, SOFT
from studies import types

# Pair of directions -> title of each; the numbers are those of the paper's paths.
PAIRS = {
    "unified": ("Path 1: rows of the panorama", "Path 4: columns of the panorama"),
    "spatial": ("Path 2: frame after frame", "Path 5: path 2 from its end"),
    "temporal": ("Path 3: pixel after pixel, through time", "Path 6: path 3 from its end"),
    "windowed": ("Local: window after window, through time", "Local, from its end"),
}
GAP = 1.4  # between frames, in cells
ROW_HEIGHT = 2.6  # inches
HOPS = 6  # steps from a cell to the same cell of the next frame that are drawn as arcs; there may be hundreds


def video_scan_orders(study: types.Study, figure: types.Figure, sources: Sources) -> tuple[Figure, str]:
    """A row of panels a pair of directions, a panel a direction."""
    orders, grid, window = _read(sources.orders)
    drawn = Figure(figsize=(11, ROW_HEIGHT * len(PAIRS)), layout="constrained")
    panels = drawn.subplots(len(PAIRS), 2)
    for row, (pair, titles) in zip(panels, PAIRS.items(), strict=True):
        for axes, order, title in zip(row, orders[pair], titles, strict=True):
            _frames(axes, grid, window if pair == "windowed" else None)
            _walk(axes, _places(order, grid), order % (grid[1] * grid[2]))
            axes.set_title(title)
    return drawn, (
        f"Order in which the scans visit the cells of {grid[0]} frames of {grid[1]} x {grid[2]} (dark first, light "
        "last; the ring is the first cell). Lines join neighbouring cells, dotted lines are jumps to another row; "
        "arcs lead to the same cell of the next frame, and only the first are drawn. "
        f"Windows have {window[0]} x {window[1]} cells here."
    )


def _read(path: Path) -> tuple[dict[str, np.ndarray], tuple[int, ...], tuple[int, ...]]:
    """Orders (2, T H W) by pair, the grid (T, H, W) and the window (rows, columns)."""
    arrays = read_arrays(path)
    missing = [name for name in (*PAIRS, "video-grid", "video-window") if name not in arrays]
    if missing:
        raise InputError(f"{path}: has no {', '.join(missing)}; delete it and run `make figures`")
    grid, window = (tuple(arrays[name].tolist()) for name in ("video-grid", "video-window"))
    cells = np.arange(np.prod(grid))
    for pair in PAIRS:
        if arrays[pair].shape != (2, len(cells)) or (np.sort(arrays[pair]) != cells).any():
            raise InputError(f"{path}: {pair} must hold two permutations of {len(cells)} cells; delete it")
    return arrays, grid, window


def _places(order: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """Cells (L,) to places (L, 2): x, y in the row of frames."""
    frames, rows, columns = np.unravel_index(order, grid)
    return np.stack([frames * (grid[2] - 1 + GAP) + columns, rows], axis=1).astype(float)


def _frames(axes: Axes, grid: tuple[int, ...], window: tuple[int, ...] | None) -> None:
    """Outlines of the frames, named below, and of the windows where there are any."""
    count, height, width = grid
    for frame in range(count):
        left = frame * (width - 1 + GAP)
        for rows, columns, style in [(height, width, "-"), *([(*window, ":")] if window else [])]:
            for top in range(0, height, rows):
                for start in range(0, width, columns):
                    corner = (left + start - 0.5, top - 0.5)
                    box = Rectangle(corner, columns, rows, fill=False, edgecolor=FAINT, linewidth=1, linestyle=style)
                    axes.add_patch(box)
        axes.text(
            left + (width - 1) / 2, height - 0.2, f"t = {frame + 1}", ha="center", va="top", color=SOFT, fontsize=8
        )
    axes.set(xlim=(-1, count * (width - 1 + GAP)), ylim=(height + 0.4, -1), aspect="equal")
    axes.set_axis_off()


def _walk(axes: Axes, places: np.ndarray, cells: np.ndarray) -> None:
    """Solid lines between neighbours, dotted lines for jumps, arcs for some steps through time.

    places : (L, 2) in visiting order; cells : (L,) the cell of its frame that each is. Neighbours across the border of
    two frames are neighbours too.
    """
    steps = np.stack([places[:-1], places[1:]], axis=1)  # (L-1, 2, 2)
    near = np.abs(steps[:, 1] - steps[:, 0]).sum(axis=1) <= GAP + 0.01
    hop = cells[:-1] == cells[1:]
    jump = ~near & (steps[:, 0, 1] != steps[:, 1, 1])  # within a row they would hide each other
    axes.add_collection(LineCollection(steps[jump], colors=SOFT, linewidths=0.5, linestyles=":", zorder=1))
    walk = LineCollection(steps[near], array=np.flatnonzero(near), cmap=SEQUENTIAL, linewidths=1.6, zorder=2)
    walk.set_clim(0, len(steps))
    axes.add_collection(walk)
    for ends in steps[hop][:HOPS]:
        arc = FancyArrowPatch(
            *ends, connectionstyle="arc3,rad=-0.16", arrowstyle="-|>", mutation_scale=8, color=INK, linewidth=0.8
        )
        axes.add_patch(arc)
    axes.scatter(*places.T, c=np.arange(len(places)), cmap=SEQUENTIAL, s=20, zorder=3)
    axes.scatter(*places[0], s=80, facecolor="none", edgecolor=ORANGE, linewidth=1.8, zorder=4)
