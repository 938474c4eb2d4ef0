"""Error against cost of networks that have learned, with intervals and the front that no other network beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.labels import place_labels
from reports.figures.sources import NotDrawn, Sources
from reports.figures.style import BLUE, COLOURS, FAINT, SOFT, note
from reports.front import front
from reports.measurements import NO_SUCH_DATA
from reports.tables.cell import BASELINE_SECTION, NOT_LEARNED, Cell
from studies import types

AREA, FLOOR = 9.0, 22.0  # points² per million parameters, and at least


@dataclass(frozen=True)
class Place:
    """A network: label, section, what it costs, its error with half its 95 % interval, parameters in millions."""

    label: str
    section: str
    cost: float
    error: float
    half: float
    parameters: float


def leaderboard(study: types.Study, figure: types.Figure, sources: Sources) -> tuple[Figure, str]:
    """A panel for operations and one for time, the errors of both the same."""
    table, cells = study.table(figure.table), sources.of_table(study, figure.table)
    costs = {"macs": figure.macs, "time": figure.time}
    panels = {key: places(cells, figure, column) for key, column in costs.items()}
    if not panels["macs"]:
        raise NotDrawn(f"no network of {figure.table} was trained and learned")
    drawn = Figure(figsize=(13, 6), layout="constrained")
    axes = dict(zip(panels, drawn.subplots(1, 2, sharey=True), strict=True))
    error = table.column(figure.error)
    mean = [c.measured for c in cells if (c.row, c.column) == ("mean-pose", figure.error) and c.measured is not None]
    for key, networks in panels.items():
        _panel(axes[key], networks, table.column(costs[key]))
        for value in mean:
            axes[key].axhline(value, color=FAINT, linestyle="--", linewidth=1, label="mean training pose", zorder=0)
    axes["macs"].set_ylabel(f"{error.label} ({error.unit})")
    axes["time"].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    note(drawn, sources.choice.evidence, _data(cells))
    drawn.draw_without_rendering()  # fixes the layout, which the labels need
    for key, networks in panels.items():
        radii = [_area(p) ** 0.5 / 2 for p in networks]
        place_labels(axes[key], [(p.cost, p.error) for p in networks], radii, [p.label for p in networks])
    return drawn, (
        "Networks trained on equal terms: mean over seeds of the error, with its 95 % interval, against true "
        "multiply-accumulates and measured time of an evaluated frame at full paper size. The line joins the networks "
        "that no cheaper one beats. The area of a bubble grows with the parameters. Networks "
        "that are worse than the mean training pose did not learn, and are left out."
    )


def places(cells: Sequence[Cell], figure: types.Figure, cost_column: str) -> list[Place]:
    """Networks that have learned, with a measured error and a measured cost, in the order of the table."""
    networks = []
    for _, row in groupby(cells, lambda cell: cell.row):
        at = {cell.column: cell for cell in row}
        cost, error, size = (at[column] for column in (cost_column, figure.error, figure.size))
        learned = error.section != BASELINE_SECTION and error.outcome != NOT_LEARNED
        if not learned or None in (cost.measured, error.measured, size.measured):
            continue
        numbers = (cost.measured, error.measured, error.half or 0.0, size.measured)
        networks.append(Place(error.row_label, error.section, *numbers))
    return networks


def _panel(axes: Axes, found: list[Place], column: types.Column) -> None:
    axes.set_xscale("log")
    axes.set_xlabel(f"{column.label} ({column.unit})")
    axes.margins(0.12, 0.12)
    on_front = front(found, lambda p: (p.cost, p.error))
    line = [p.cost for p in on_front], [p.error for p in on_front]
    axes.plot(*line, color=SOFT, linewidth=1.2, label="front", zorder=1)
    colours = dict(zip(dict.fromkeys(p.section for p in found), [BLUE, *COLOURS[1:]], strict=False))
    for section, colour in colours.items():
        mine = [p for p in found if p.section == section]
        xs, ys = [p.cost for p in mine], [p.error for p in mine]
        axes.errorbar(xs, ys, [p.half for p in mine], fmt="none", ecolor=colour, alpha=0.5, zorder=2)
        axes.scatter(
            xs, ys, [_area(p) for p in mine], color=colour, alpha=0.85, edgecolor="white", label=section, zorder=3
        )


def _area(place: Place) -> float:
    return FLOOR + AREA * place.parameters


def _data(cells: Sequence[Cell]) -> str:
    return next((cell.dataset for cell in cells if cell.dataset not in ("", NO_SUCH_DATA)), NO_SUCH_DATA)
