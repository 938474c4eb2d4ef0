"""Scan orders: in which order each direction of a scan mode visits the grid of frames and joints, and the gathers."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec

from base.errors import InputError
from reports.figures.skeleton import JOINT_NAMES, JOINTS, STANDING, bare, draw_bones
from reports.figures.sources import NotDrawn, Sources, read_arrays
from reports.figures.style import BLUE, GRID, INK, ORANGE, SEQUENTIAL, SOFT
from studies import types

GATHERS = {
    "limb": "Limb gather: joint j also reads joint g(j)",
    "stride": "Stride gathers: joint j also reads the first of its pair (left) and of its triple (right)",
}
DIRECTIONS = 4
MODE_HEIGHT, GATHER_HEIGHT = 2.5, 5.0  # inches


def scan_orders(study: types.Study, figure: types.Figure, sources: Sources) -> tuple[Figure, str]:
    """A row of grids a scan mode, a grid a direction; below, what is added before the scan, drawn on the skeleton."""
    arrays = read_arrays(sources.orders)
    modes = _modes(arrays, figure.scans, sources.orders)
    gathers = _gathers(arrays, figure.gather, sources.orders)
    drawn = Figure(figsize=(13.5, MODE_HEIGHT * len(modes) + GATHER_HEIGHT), layout="constrained")
    heights = [MODE_HEIGHT] * len(modes) + [GATHER_HEIGHT]
    grid = GridSpec(len(modes) + 1, 1, drawn, height_ratios=heights)
    _draw_modes(drawn, grid, modes)
    _draw_gathers(drawn, grid[-1], gathers, figure.gather)
    return drawn, (
        "Order in which each of the four scans visits the tokens (dark first, light last; the ring is the first "
        "token), drawn for a short clip. Below: joints whose feature is added to another joint's before the spatial "
        "scans; the order itself stays the one above."
    )


def _modes(arrays: dict[str, np.ndarray], wanted: list[str], path: Path) -> dict[str, np.ndarray]:
    """Orders (4, L) by mode; modes that walk alike share an entry, `global-local, bidirectional`."""
    grouped: dict[bytes, tuple[list[str], np.ndarray]] = {}
    for name in wanted:
        if name not in arrays:
            raise InputError(f"{path}: has no scan mode {name!r}; delete it and run `make figures`")
        orders = arrays[name]
        length = orders.shape[-1]
        if orders.ndim != 2 or length % JOINTS or (np.sort(orders) != np.arange(length)).any():
            raise InputError(f"{path}: {name} must hold permutations of frames x {JOINTS} tokens; delete it")
        grouped.setdefault(orders.tobytes(), ([], orders))[0].append(name)
    return {", ".join(names): orders for names, orders in grouped.values()}


def _gathers(arrays: dict[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    """The joints (G, 17) whose features are added."""
    if name not in arrays:
        raise NotDrawn(f"{path.name} has no gather {name!r}")
    gathers = np.atleast_2d(arrays[name])
    if gathers.shape[1] != JOINTS or gathers.min() < 0 or gathers.max() >= JOINTS:
        raise InputError(f"{path}: {name} must hold {JOINTS} joint numbers a row; delete it and run `make figures`")
    return gathers


def _draw_modes(figure: Figure, grid: GridSpec, modes: dict[str, np.ndarray]) -> None:
    for place, (name, orders) in zip(grid, modes.items(), strict=False):
        row = place.subgridspec(1, DIRECTIONS).subplots(sharex=True, sharey=True)
        for k, (axes, order) in enumerate(zip(row, orders, strict=True)):
            same = next((i for i in range(k) if (orders[i] == order).all()), None)
            _draw_order(axes, order)
            axes.set_title(f"scan {k + 1}" + (f" (walks as scan {same + 1})" if same is not None else ""))
            axes.set_xlabel("joint")
        row[0].set_ylabel(f"{name.replace(', ', ',' + chr(10))}\n\nframe", fontsize=9.5)


def _draw_order(axes: Axes, order: np.ndarray) -> None:
    """The walk through the grid as a line that brightens; jumps back to another row or column are thin and dotted."""
    places = np.stack([order % JOINTS, order // JOINTS], axis=1).astype(float)  # (L, 2): joint, frame
    steps = np.stack([places[:-1], places[1:]], axis=1)  # (L-1, 2, 2)
    jump = np.abs(steps[:, 1] - steps[:, 0]).sum(axis=1) > 1
    shade = np.arange(len(steps))
    axes.add_collection(LineCollection(steps[jump], colors=SOFT, linewidths=0.6, linestyles=":", zorder=1))
    walk = LineCollection(steps[~jump], array=shade[~jump], cmap=SEQUENTIAL, linewidths=1.6, zorder=2)
    walk.set_clim(0, len(steps))
    axes.add_collection(walk)
    axes.scatter(*places.T, c=np.arange(len(places)), cmap=SEQUENTIAL, s=16, zorder=3)
    axes.scatter(*places[0], s=70, facecolor="none", edgecolor=ORANGE, linewidth=1.8, zorder=4)
    middle = places[:-1][~jump] * 0.5 + places[1:][~jump] * 0.5
    _arrow_heads(
        axes, middle[:: max(1, len(middle) // 12)], (steps[:, 1] - steps[:, 0])[~jump][:: max(1, len(middle) // 12)]
    )
    axes.set_xticks(range(0, JOINTS, 2))
    axes.set_yticks(range(int(places[:, 1].max()) + 1))
    axes.set(xlim=(-0.8, JOINTS - 0.2), ylim=(places[:, 1].max() + 0.6, -0.6))
    axes.grid(color=GRID, linewidth=0.5)


def _arrow_heads(axes: Axes, places: np.ndarray, directions: np.ndarray) -> None:
    for (x, y), (dx, dy) in zip(places, directions, strict=True):
        ends = ((x + 0.3 * dx, y + 0.3 * dy), (x - 0.1 * dx, y - 0.1 * dy))
        axes.annotate("", *ends, arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0, "mutation_scale": 9})


def _draw_gathers(figure: Figure, place: SubplotSpec, gathers: np.ndarray, name: str) -> None:
    *drawings, words = place.subgridspec(1, len(gathers) + 1).subplots()
    drawings[0].set_title(GATHERS[name])
    for axes, gather in zip(drawings, gathers, strict=True):
        _draw_gather(axes, gather)
    _list_gathers(words, gathers)


def _draw_gather(axes: Axes, gather: np.ndarray) -> None:
    """Arrows from the joint that is read to the joint that reads it; a joint that reads itself has a ring."""
    bare(axes)
    draw_bones(axes, STANDING, color=GRID, linewidth=5)
    for joint, source in enumerate(gather):
        place = STANDING[joint]
        if joint == source:
            axes.scatter(*place, s=330, facecolor="none", edgecolor=ORANGE, linewidth=1.8, zorder=2)
        else:
            arrow = {"arrowstyle": "-|>", "color": BLUE, "linewidth": 1.3, "connectionstyle": "arc3,rad=0.25"}
            axes.annotate("", place, STANDING[source], arrowprops=arrow | {"shrinkA": 8, "shrinkB": 8}, zorder=2)
        axes.text(*place, str(joint), ha="center", va="center", fontsize=9, zorder=4)
        axes.scatter(*place, s=170, color="white", edgecolor=SOFT, linewidth=0.8, zorder=3)
    axes.margins(0.12)


def _list_gathers(axes: Axes, gathers: np.ndarray) -> None:
    """The same in words: `right knee (2) + right hip (1)`."""
    axes.set_axis_off()
    for j, name in enumerate(JOINT_NAMES):
        added = " + ".join(f"{JOINT_NAMES[g]} ({g})" for g in gathers[:, j])
        axes.text(0, 1 - (j + 0.5) / JOINTS, f"{name} ({j})  +  {added}", fontsize=8.5, va="center", color=INK)
