"""Time and memory of one clip by its length: the state-space network and attention stacks, on logarithmic axes."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from reports.figures.style import BLUE, FAINT, GREEN, ORANGE

TITLE = "Time and memory of one clip by its length"
COLOURS = (BLUE, ORANGE, GREEN)
QUANTITIES = {"seconds_median": "Median time (s)", "peak_mib": "Peak memory (MiB)"}
LABEL_HEIGHT = 11.5  # points
ROOM = 4.5  # the axis of lengths goes on to so many times the longest clip: room for labels


def draw_scaling(rows: pd.DataFrame) -> tuple[Figure, str]:
    """A column of panels a kind of work, time above memory, a line a model; returns the figure and its caption.

    rows : columns model, work, frames, threads, seconds_median, runs, peak_mib, left_out ("" where it was measured),
        device, torch
    """
    works = list(dict.fromkeys(rows["work"]))
    figure = Figure(figsize=(5.6 * len(works), 7.6), layout="constrained")
    panels = figure.subplots(len(QUANTITIES), len(works), sharex=True, sharey="row", squeeze=False)
    for work, column in zip(works, panels.T, strict=True):
        for (quantity, label), axes in zip(QUANTITIES.items(), column, strict=True):
            _panel(axes, rows[(rows["work"] == work) & (rows["left_out"] == "")], quantity)
            axes.set_title(f"{label}, {work}")
        column[-1].set_xlabel("Frames of the clip, T")
    _ticks(panels[0, 0], sorted(set(rows["frames"])))
    figure.draw_without_rendering()  # fixes the layout, which the labels need
    for axes in panels.flat:
        _label(axes)
    return figure, " ".join(_caption(rows))


def _panel(axes: Axes, rows: pd.DataFrame, quantity: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,g}")
    for (model, line), colour in zip(rows.groupby("model", sort=False), COLOURS, strict=False):
        axes.plot(line["frames"], line[quantity], "o-", color=colour, markersize=4.5, linewidth=1.8, label=model)
    if len(rows):
        start = rows[rows["model"] == rows["model"].iloc[0]].iloc[0]
        ends = start["frames"], rows["frames"].max()
        rise = [start[quantity], start[quantity] * ends[1] / ends[0]]
        axes.plot(ends, rise, ":", color=FAINT, linewidth=1.4, zorder=1)


def _ticks(axes: Axes, lengths: list[int]) -> None:
    """The measured lengths, and room on the right."""
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(lengths[0] / 1.3, lengths[-1] * ROOM)


def _label(axes: Axes) -> None:
    """Names to the right of the lines' ends, in their colours; those that would meet are moved upwards."""
    points = 72 / axes.figure.dpi
    ends = [(line, line.get_xydata()[-1]) for line in axes.lines if line.get_marker() == "o"]
    heights = [(points * axes.transData.transform(end)[1], line, end) for line, end in ends]
    free = -float("inf")
    for height, line, end in sorted(heights, key=lambda found: found[0]):
        free = max(height, free + LABEL_HEIGHT)
        place = (8, free - height)
        axes.annotate(
            line.get_label(), end, place, textcoords="offset points", va="center", fontsize=9, color=line.get_color()
        )


def _caption(rows: pd.DataFrame) -> Iterator[str]:
    first = rows.iloc[0].to_dict()
    threads = f"{first['threads']} thread" + ("s" if first["threads"] > 1 else "")
    runs = rows["runs"].dropna().astype(int)
    often = f"{runs.min()} to {runs.max()}" if runs.min() < runs.max() else f"{runs.max()}"
    yield f"One clip on {first['device']}, {threads}, torch {first['torch']}, nets of equal width and depth:"
    yield f"median time of {often} runs in turns, and memory beyond the loaded net in a fresh process."
    yield f"Dotted: {first['model']}'s first point in proportion to T."
    for work, part in rows[rows["left_out"] == ""].groupby("work", sort=False):
        yield from _ratios(work, part)
    for reason, part in rows[rows["left_out"] != ""].groupby("left_out", sort=False):
        cases = ", ".join(f"{c.model} at T = {c.frames:,} ({c.work})" for c in part.itertuples())
        yield f"Left out: {cases}, as {reason}."


def _ratios(work: str, rows: pd.DataFrame) -> Iterator[str]:
    """How much longer the others take than the first model, at the longest clip that all were measured on."""
    times = rows.pivot(index="frames", columns="model", values="seconds_median")[list(dict.fromkeys(rows["model"]))]
    complete = times.dropna()
    if len(complete) and complete.shape[1] > 1:
        last, (own, *others) = complete.iloc[-1], complete.columns
        shares = " and ".join(f"{name} {last[name] / last[own]:.2f} times" for name in others)
        yield f"At T = {last.name:,}, {work}: {shares} the time of {own}."
