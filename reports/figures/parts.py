"""Where a network's parameters and multiply-accumulates are: a row a part, a bar for each way of counting."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from base.errors import InputError
from base.files import read_csv
from reports.figures.sources import NotDrawn, Sources
from reports.figures.style import BLUE, GREEN, INK, ORANGE
from studies import types

# Column of the parts table -> title, units in one, colour.
COUNTS = {
    "params": ("Trained parameters (M)", 1e6, BLUE),
    "macs_paper": ("MACs under paper (G)", 1e9, ORANGE),
    "macs_true": ("MACs under true (G)", 1e9, GREEN),
}
ROW_HEIGHT = 0.34  # inches


def parts(study: types.Study, figure: types.Figure, sources: Sources) -> tuple[Figure, str]:
    """Bars by part; the last row of the table is the total, which stands in the titles."""
    table = _read(sources)
    rows, total = table.iloc[:-1], table.iloc[-1]
    drawn = Figure(figsize=(13.5, ROW_HEIGHT * len(rows) + 0.8), layout="constrained")
    panels = drawn.subplots(1, len(COUNTS), sharey=True)
    for axes, (column, (title, unit, colour)) in zip(panels, COUNTS.items(), strict=True):
        _bars(axes, rows[column] / unit, colour)
        axes.set_title(f"{title}: {total[column] / unit:.3f}")
    panels[0].set_yticks(range(len(rows)), rows["part"], color=INK)
    panels[0].invert_yaxis()
    return drawn, (
        "Counted for one clip at full paper size. `paper` is the papers' profiler: it counts a deconvolution four "
        "times over, an operation of a norm as a multiply-accumulate, and of scans, attention products and deformable "
        "taps nothing. `true` counts each multiply-accumulate of those once, and none of a norm."
    )


def _read(sources: Sources) -> pd.DataFrame:
    if not sources.parts.is_file():
        raise NotDrawn(f"{sources.parts.name} is not there; `make figures` makes it")
    table = read_csv(sources.parts, ("part", *COUNTS), "run `make figures`")
    if len(table) < 2:
        raise InputError(f"{sources.parts}: is no table of parts; delete it and run `make figures`")
    return table


def _bars(axes: Axes, values: pd.Series, colour: str) -> None:
    """Bars with their numbers; nothing is drawn for a part that costs nothing."""
    bars = axes.barh(range(len(values)), values, color=colour, height=0.62)
    axes.bar_label(bars, [f"{value:.3f}" if value else "0" for value in values], padding=4, fontsize=8.5, color=INK)
    axes.set_xlim(0, 1.18 * values.max())
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
