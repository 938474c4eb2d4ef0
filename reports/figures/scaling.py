"""Time and memory of one clip by its size: the state-space network and its rivals, on logarithmic axes."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from reports.figures.style import BLUE, FAINT, GREEN, ORANGE

COLOURS = (BLUE, ORANGE, GREEN)
QUANTITIES = {"seconds_median": "Median time (s)", "peak_mib": "Peak memory (MiB)"}
LABEL_HEIGHT = 11.5  # points


@dataclass(frozen=True)
class Curve:
    """How a curve is called: its title, the size that grows (axis and symbol), what is said of the networks.

    room: for the labels, on the right of the panels, as a share of what the sizes take
    """

    title: str
    axis: str
    symbol: str
    networks: str
    room: float


CURVES = {
    "frames": Curve(
        "Time and memory of one clip by its length",
        "Frames of the clip, T",
        "T",
        "nets of equal width and depth",
        0.3,
    ),
    "tokens": Curve(
        "Time and memory of one clip of images by its tokens",
        "Tokens of the clip, L",
        "L",
        "GLSMamba-B and TransHR on images of 64x48, 128x96 and 256x192 (the paper's), tokens at a quarter of that, the "
        "encoder's time and memory included",
        0.5,
    ),
}


def draw_scaling(rows: pd.DataFrame, curve: Curve) -> tuple[Figure, str]:
    """A column of panels a kind of work, time above memory, a line a model; returns the figure and its caption.

    rows : columns model, work, threads, seconds_median, runs, peak_mib, predicted_mib (where it is), left_out ("" where
        it was measured), device, torch, and the size by the curve's name in CURVES
    """
    rows = rows.rename(columns={name: "size" for name, known in CURVES.items() if known == curve})
    works = list(dict.fromkeys(rows["work"]))
    figure = Figure(figsize=(5.6 * len(works), 7.6), layout="constrained")
    panels = figure.subplots(len(QUANTITIES), len(works), sharex=True, sharey="row", squeeze=False)
    for work, column in zip(works, panels.T, strict=True):
        for (quantity, label), axes in zip(QUANTITIES.items(), column, strict=True):
            _panel(axes, rows[rows["work"] == work], quantity)
            axes.set_title(f"{label}, {work}")
        column[-1].set_xlabel(curve.axis)
    _ticks(panels[0, 0], sorted(set(rows["size"])), curve.room)
    figure.draw_without_rendering()  # fixes the layout, which the labels need
    for axes in panels.flat:
        _label(axes)
    return figure, " ".join(_caption(rows, curve))


def _panel(axes: Axes, rows: pd.DataFrame, quantity: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,g}")
    for (model, cases), colour in zip(rows.groupby("model", sort=False), COLOURS, strict=False):
        line = cases[cases["left_out"] == ""]
        style = {"color": colour, "marker": "o", "markersize": 4.5}
        axes.plot(line["size"], line[quantity], linewidth=1.8, label=model, **style)
        if quantity == "peak_mib":
            _predicted(axes, cases, style)
    measured = rows[rows["left_out"] == ""]
    if len(measured):
        start = measured[measured["model"] == measured["model"].iloc[0]].iloc[0]
        ends = start["size"], rows["size"].max()
        rise = [start[quantity], start[quantity] * ends[1] / ends[0]]
        axes.plot(ends, rise, ":", color=FAINT, linewidth=1.4, zorder=1)


def _predicted(axes: Axes, cases: pd.DataFrame, style: dict) -> None:
    """Hollow marks where a size was left out whose memory is predicted, joined to the last one that was measured."""
    missing = cases[(cases["left_out"] != "") & cases["predicted_mib"].notna()]
    if len(missing):
        last, measured = axes.lines[-1], cases[cases["left_out"] == ""]
        sizes = [*measured["size"][-1:], *missing["size"]]
        axes.plot(sizes, [*measured["peak_mib"][-1:], *missing["predicted_mib"]], "--", color=style["color"], zorder=1)
        hollow = style | {"markerfacecolor": "white", "linewidth": 0}
        axes.plot(missing["size"], missing["predicted_mib"], label=last.get_label(), **hollow)
        last.set_label(f"_{last.get_label()}")  # one label a model, at its end


def _ticks(axes: Axes, sizes: list[int], room: float) -> None:
    """The measured sizes, and room on the right."""
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    span = max(2, sizes[-1] / sizes[0])  # one size alone has none
    axes.set_xlim(sizes[0] / span**0.06, sizes[-1] * span**room)


def _label(axes: Axes) -> None:
    """Names to the right of the lines' ends, in their colours; those that would meet are moved upwards.

    A line that ends before the largest size has its name above its end, on the left, where it crosses no other.
    """
    points = 72 / axes.figure.dpi
    named = [line for line in axes.lines if line.get_marker() == "o" and not line.get_label().startswith("_")]
    ends = [(line, line.get_xydata()[-1]) for line in named if len(line.get_xydata())]
    heights = [(points * axes.transData.transform(end)[1], line, end) for line, end in ends]
    free = -float("inf")
    for height, line, end in sorted(heights, key=lambda found: found[0]):
        same = {"text": line.get_label(), "xy": end, "fontsize": 9, "color": line.get_color()}
        same |= {"textcoords": "offset points", "path_effects": [withStroke(linewidth=3, foreground="white")]}
        if end[0] < axes.get_xticks()[-1]:
            axes.annotate(xytext=(-4, 5), ha="right", va="bottom", **same)
        else:
            free = max(height, free + LABEL_HEIGHT)
            axes.annotate(xytext=(8, free - height), va="center", **same)


def _caption(rows: pd.DataFrame, curve: Curve) -> Iterator[str]:
    first = rows.iloc[0].to_dict()
    threads = f"{first['threads']} thread" + ("s" if first["threads"] > 1 else "")
    runs = rows["runs"].dropna().astype(int)
    often = f"{runs.min()} to {runs.max()}" if runs.min() < runs.max() else f"{runs.max()}"
    yield f"One clip on {first['device']}, {threads}, torch {first['torch']}, {curve.networks}:"
    yield f"median time of {often} runs in turns, and memory beyond the loaded net in a fresh process."
    yield f"Dotted: {first['model']}'s first point in proportion to {curve.symbol}."
    for work, part in rows[rows["left_out"] == ""].groupby("work", sort=False):
        yield from _ratios(work, part, curve.symbol)
    left_out = rows[rows["left_out"] != ""]
    for reason, part in left_out.groupby("left_out", sort=False):
        cases = ", ".join(f"{c.model} at {curve.symbol} = {c.size:,} ({c.work})" for c in part.itertuples())
        yield f"Left out: {cases}, as {reason}."
    if left_out["predicted_mib"].notna().any():
        yield "Hollow: not measured, predicted from the sizes of the tensors."


def _ratios(work: str, rows: pd.DataFrame, symbol: str) -> Iterator[str]:
    """How much longer the others take than the first model, at the largest clip that all were measured on."""
    times = rows.pivot(index="size", columns="model", values="seconds_median")[list(dict.fromkeys(rows["model"]))]
    complete = times.dropna()
    if len(complete) and complete.shape[1] > 1:
        last, (own, *others) = complete.iloc[-1], complete.columns
        shares = " and ".join(f"{name} {last[name] / last[own]:.2f} times" for name in others)
        yield f"At {symbol} = {last.name:,}, {work}: {shares} the time of {own}."
