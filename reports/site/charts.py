"""Interactive charts as data for plotly.js, with the same numbers as a table for whoever cannot see them.

plotly.js comes whole inside the package plotly that pip installs, so that pages need no network. Looked at besides:
Bokeh (its bundle is smaller, but hovering needs its own Python objects) and Altair (its JavaScript is not in the package).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reports.bubbles import METRICS, Bubble, printed_bubbles, true_bubbles
from reports.site.runs import Experiment
from reports.tables.cell import Cell
from studies.plan import BASELINES
from studies.types import Figure, Study

DASHES = ("solid", "dash", "dot", "dashdot")
COLOURS = 8  # of the page's palette; assets/charts.js knows them


@dataclass(frozen=True)
class Chart:
    """A chart: id, heading, what it shows in words, plotly traces and layout, and its numbers (head, rows of texts).

    switch : the chart has two states, `paper` and `true`; traces say by `meta` to which they belong
    """

    id: str
    heading: str
    caption: str
    data: list[dict]
    layout: dict
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    switch: bool = False


def bubbles(study: Study, figure: Figure, cells: Sequence[Cell]) -> Chart | None:
    """Printed error against MACs a frame; the switch moves what we implement from the printed to the true count."""
    table = study.table(figure.table)
    printed, true = printed_bubbles(table, figure, cells), true_bubbles(table, figure, cells)
    if not printed:
        return None
    error = table.column(figure.error)
    metric = METRICS.get(error.metric, error.label)
    counted = {bubble.label: bubble for bubble in true}
    return Chart(
        id=f"{study.name}-{figure.id}-chart",
        heading=figure.heading,
        caption="Errors are the printed ones; none is measured. “As printed” has the papers' MACs and parameters, “true” "
        "every multiply-accumulate and every trainable weight of the networks that are implemented here. The area of a "
        "bubble grows with its parameters.",
        data=[*_bubble_traces(printed, "paper"), *_bubble_traces(true, "true")],
        layout={
            "xaxis": {"type": "log", "title": {"text": "MACs per frame (millions)"}},
            "yaxis": {"title": {"text": f"Printed {metric} ({error.unit})"}},
            "hovermode": "closest",
            "legend": {"orientation": "h"},
        },
        head=("model", f"printed {metric}", "printed MACs/frame, M", "true, M", "printed parameters, M", "true, M"),
        rows=tuple(_bubble_row(bubble, counted.get(bubble.label)) for bubble in printed),
        switch=True,
    )


def learning_curves(chart_id: str, heading: str, found: Sequence[Experiment]) -> Chart | None:
    """Validation error by epoch: mean over seeds; experiments of a single epoch are left out."""
    traces, rows = [], []
    for experiment in found:
        curve = _mean_curve(experiment)
        if len(curve) < 2:
            continue
        i = len(traces)
        flat = experiment.variant in BASELINES
        style = {"colour": None if flat else i % COLOURS, "dash": DASHES[i // COLOURS % len(DASHES)]}
        traces.append(
            {"type": "scatter", "mode": "lines+markers", "name": f"{experiment.label}, {experiment.recipe}", "meta": style}
            | {"x": curve.index.tolist(), "y": curve.round(3).tolist()}
        )  # fmt: skip
        rows.append((experiment.label, experiment.recipe, *(f"{y:.1f}" for y in (curve.iloc[0], curve.iloc[-1]))))
    if not traces:
        return None
    name = _score_name(found)
    return Chart(
        id=chart_id,
        heading=heading,
        caption=f"{name} by epoch, mean over seeds. A line can be switched off in the legend.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "Epoch"}, "dtick": 1},
            "yaxis": {"title": {"text": name}},
            "hovermode": "x",
        },
        head=("variant", "recipe", "first epoch", "last epoch"),
        rows=tuple(rows),
    )


def run_curves(experiment: Experiment) -> Chart | None:
    """The histories of an experiment's runs: training loss and validation score by epoch, a line a seed."""
    traces, rows = [], []
    for run in experiment.runs:
        for column, axis in ((_score(run.history), "y"), ("loss", "y2")):
            if column in run.history and len(run.history) > 1:
                y = run.history[column].astype(float).round(5)
                style = {"colour": run.seed % COLOURS, "dash": "solid" if axis == "y" else "dot"}
                traces.append(
                    {"type": "scatter", "mode": "lines+markers", "name": f"{column}, seed {run.seed}", "meta": style}
                    | {"x": run.history["epoch"].tolist(), "y": y.tolist(), "yaxis": axis}
                )  # fmt: skip
                rows.append((str(run.seed), column, *(f"{v:.4g}" for v in (y.iloc[0], y.iloc[-1]))))
    if not traces:
        return None
    return Chart(
        id="history",
        heading="Learning curves",
        caption="Score by epoch (solid, left) and training loss (dotted, right), a colour a seed.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "Epoch"}, "dtick": 1},
            "yaxis": {"title": {"text": _score_name([experiment])}},
            "yaxis2": {"title": {"text": "Loss"}, "overlaying": "y", "side": "right"},
        },
        head=("seed", "what", "first epoch", "last epoch"),
        rows=tuple(rows),
    )


def _bubble_traces(found: list[Bubble], state: str) -> list[dict]:
    """Bubbles of one counting, ours and others apart; text that is shown beside a bubble is its label."""
    groups = {"implemented here": [b for b in found if b.ours], "printed only": [b for b in found if not b.ours]}
    return [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": name,
            "meta": {"state": state, "colour": 0 if name == "implemented here" else None},
            "x": [b.macs for b in mine],
            "y": [b.error for b in mine],
            "text": [b.label for b in mine],
            "textposition": "top center",
            "marker": {"size": [round(8 + 5 * b.parameters**0.5, 1) for b in mine], "opacity": 0.75},
            "customdata": [round(b.parameters, 3) for b in mine],
            "hovertemplate": "%{text}<br>%{y} at %{x:.4g} M MACs/frame<br>%{customdata} M parameters<extra></extra>",
        }
        for name, mine in groups.items()
        if mine
    ]


def _bubble_row(printed: Bubble, true: Bubble | None) -> tuple[str, ...]:
    counted = (f"{true.macs:.4g}", f"{true.parameters:.4g}") if true else ("–", "–")
    return (printed.label, f"{printed.error:g}", f"{printed.macs:g}", counted[0], f"{printed.parameters:g}", counted[1])


def _mean_curve(experiment: Experiment) -> pd.Series:
    """Validation score by epoch, mean over the runs that have one."""
    columns = [
        run.history.set_index("epoch")[_score(run.history)]
        for run in experiment.runs
        if "epoch" in run.history and _score(run.history) in run.history
    ]
    return pd.concat(columns, axis=1).mean(axis=1).dropna() if columns else pd.Series(dtype=float)


def _score(history: pd.DataFrame) -> str:
    """The column by which epochs are judged: validation, or what tables show where there is none."""
    names = [name for name in history.columns if name.startswith("val_") and history[name].notna().any()]
    return (names or [name for name in history.columns if name.startswith("test_")] or [""])[0]


def _score_name(found: Sequence[Experiment]) -> str:
    if found[0].dataset.startswith("video-"):
        return "AP"
    selecting = any(_score(run.history) == "val_mpjpe" for experiment in found for run in experiment.runs)
    return "Validation P1 (mm)" if selecting else "Test P1 (mm)"
