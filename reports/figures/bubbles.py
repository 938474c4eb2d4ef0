"""Error against multiply-accumulates, as PoseMamba's Figure 1, under two ways of counting them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.labels import place_labels
from reports.figures.sources import NotDrawn, Sources
from reports.figures.style import BLUE, FAINT, SOFT
from reports.tables.cell import Cell
from studies import types

AREA = 26.0  # points² per million parameters, plus FLOOR
FLOOR = 18.0
MILLION = 1e6
METRICS = {
    "mpjpe": "MPJPE",
    "p_mpjpe": "P-MPJPE",
    "n_mpjpe": "N-MPJPE",
    "mpjve": "MPJVE",
    "pck3d": "PCK",
    "auc3d": "AUC",
}


@dataclass(frozen=True)
class Bubble:
    """A model: its label, MACs a frame in millions, printed error in mm, parameters in millions, whether we run it."""

    label: str
    macs: float
    error: float
    parameters: float
    ours: bool


def error_against_macs(study: types.Study, figure: types.Figure, sources: Sources) -> tuple[Figure, str]:
    """Two panels with the same printed errors: MACs as printed, and the true count of those that we implement."""
    table, cells = study.table(figure.table), sources.of_table(study, figure.table)
    printed, true = _printed_bubbles(table, figure, cells), _true_bubbles(table, figure, cells)
    if not printed:
        raise NotDrawn(f"no row of {figure.table} prints an error, MACs and parameters")
    drawn = Figure(figsize=(13, 5.6), layout="constrained")
    left, right = drawn.subplots(1, 2, sharex=True, sharey=True)
    _bubbles(left, printed, "As printed: MACs and parameters of the papers' profiler")
    _bubbles(right, true, "True MACs and parameters of the same networks")
    _printed_places(right, [b for b in printed if b.ours])
    error = table.column(figure.error)
    left.set_ylabel(f"Printed {METRICS.get(error.metric, error.label)} ({error.unit})")
    _size_legend(right)
    drawn.draw_without_rendering()  # fixes the layout, which the labels need
    _label(left, printed)
    _label(right, true, [b for b in printed if b.ours])
    return drawn, (
        "Errors are the printed ones in both panels; none is measured. Left: MACs a frame and parameters as the papers "
        "print them. Right: every multiply-accumulate and every trainable weight of the networks implemented here, "
        "counted at full paper size; a ring marks where the paper puts the same network. The area of a bubble grows "
        "with its parameters."
    )


def _printed_bubbles(table: types.Table, figure: types.Figure, cells: Sequence[Cell]) -> list[Bubble]:
    """Rows that print an error, MACs and parameters, in the columns that the figure names, at the printed places."""
    bubbles = []
    for row, macs, error, size in _rows(table, figure, cells):
        if macs.printed_base is not None and error.printed_value is not None and size.printed_base is not None:
            place = (macs.printed_base / MILLION, error.printed_value, size.printed_base / MILLION)
            bubbles.append(Bubble(row.label, *place, bool(row.variant)))
    return bubbles


def _true_bubbles(table: types.Table, figure: types.Figure, cells: Sequence[Cell]) -> list[Bubble]:
    """Rows that are implemented here: printed error, true MACs and parameters as measured."""
    bubbles = []
    for row, macs, error, size in _rows(table, figure, cells):
        if row.variant and error.printed_value is not None and None not in (macs.true_base, size.true_base):
            place = (macs.true_base / MILLION, error.printed_value, size.true_base / MILLION)
            bubbles.append(Bubble(row.label, *place, True))
    return bubbles


def _rows(
    table: types.Table, figure: types.Figure, cells: Sequence[Cell]
) -> Iterator[tuple[types.Row, Cell, Cell, Cell]]:
    """The rows of a figure's table with their cells of MACs, error and parameters."""
    at = {(cell.row, cell.column): cell for cell in cells}
    for row in table.rows:
        yield row, *(at[row.id, column] for column in (figure.macs, figure.error, figure.size))


def _bubbles(axes: Axes, bubbles: list[Bubble], title: str) -> None:
    axes.set_title(title)
    axes.set_xscale("log")
    axes.set_xlabel("MACs per frame (millions)")
    axes.margins(0.1, 0.12)
    if not bubbles:
        axes.text(0.5, 0.5, "no model of this table was counted", transform=axes.transAxes, ha="center", color=SOFT)
    for bubble in sorted(bubbles, key=lambda b: -b.parameters):  # small ones on top
        colour = BLUE if bubble.ours else FAINT
        axes.scatter(bubble.macs, bubble.error, _area(bubble), color=colour, alpha=0.8, edgecolor="white", zorder=3)


def _printed_places(axes: Axes, bubbles: list[Bubble]) -> None:
    for b in bubbles:
        axes.scatter(b.macs, b.error, _area(b), facecolor="none", edgecolor=SOFT, linewidth=1, linestyle=":", zorder=2)


def _label(axes: Axes, bubbles: list[Bubble], rings: Sequence[Bubble] = ()) -> None:
    """Write the names beside the bubbles, ours first for the best places; rings have no name and are kept free."""
    ordered = sorted(bubbles, key=lambda b: (not b.ours, b.macs)) + [replace(ring, label="") for ring in rings]
    places = [(b.macs, b.error) for b in ordered]
    place_labels(axes, places, [(_area(b) / np.pi) ** 0.5 for b in ordered], [b.label for b in ordered])


def _area(bubble: Bubble) -> float:
    """Points² of a bubble."""
    return FLOOR + AREA * bubble.parameters


def _size_legend(axes: Axes) -> None:
    sizes = (1, 10, 30)
    handles = [axes.scatter([], [], FLOOR + AREA * m, color=FAINT, alpha=0.8, label=f"{m} M parameters") for m in sizes]
    handles.append(axes.scatter([], [], 70, color=BLUE, alpha=0.8, label="implemented here"))
    handles.append(axes.scatter([], [], 70, facecolor="none", edgecolor=SOFT, linestyle=":", label="printed place"))
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), labelspacing=2.2, handletextpad=1.2)
