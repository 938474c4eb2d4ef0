"""Interactive charts as data for plotly.js, with the same numbers as a table for whoever cannot see them.

plotly.js comes whole inside the package plotly that pip installs, so that pages need no network. Looked at besides:
Bokeh (its bundle is smaller, but hovering needs its own Python objects) and Altair (its JavaScript is not in the package).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reports.site.runs import Experiment
from studies.data import VIDEO, Dataset
from studies.plan import BASELINES

DASHES = ("solid", "dash", "dot", "dashdot")
COLOURS = 8  # of the page's palette; assets/charts.js knows them


@dataclass(frozen=True)
class Chart:
    """A chart: id, heading, what it shows in words, plotly traces and layout, and its numbers (head, rows of texts)."""

    id: str
    heading: str
    caption: str
    data: list[dict]
    layout: dict
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


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
    if Dataset.parse(found[0].dataset).kind == VIDEO:
        return "AP"
    selecting = any(_score(run.history) == "val_mpjpe" for experiment in found for run in experiment.runs)
    return "Validation P1 (mm)" if selecting else "Test P1 (mm)"
