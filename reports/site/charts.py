"""Interactive charts as data for plotly.js, with the same numbers as a table for whoever cannot see them.

plotly.js comes whole inside the package plotly that pip installs, so that pages need no network. Looked at besides:
Bokeh (its bundle is smaller, but hovering needs its own Python objects) and Altair (its JavaScript is not in the package).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, product

import pandas as pd

from reports.site.runs import Experiment
from studies.data import VIDEO, Dataset
from studies.plan import BASELINES

DASHES = ("solid", "dash", "dot", "dashdot")
COLOURS = 8  # of the page's palette; assets/charts.js knows them
LOSS = "loss"  # the column of a history
GREY = {"colour": None, "dash": DASHES[0]}
STYLES = [{"colour": colour, "dash": dash} for dash, colour in product(DASHES, range(COLOURS))]


@dataclass(frozen=True)
class Chart:
    """A chart: id, heading, what it shows in words, plotly traces and layout, and its numbers (head, rows of texts).

    says : what a reader is to see in it, in a sentence; empty where that is left to them
    """

    id: str
    heading: str
    caption: str
    data: list[dict]
    layout: dict
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    says: str = ""


def learning_curves(chart_id: str, heading: str, found: Sequence[tuple[str, Experiment]]) -> Chart | None:
    """Validation score by step, of experiments with their labels: mean over seeds, and a band from the lowest to the highest.

    Those of a single epoch are left out; None where no network is left besides the baselines.
    """
    curves = [(label, e, curve) for label, e in found if len(curve := _curve(e)) > 1]
    if all(e.variant in BASELINES for _, e, _ in curves):
        return None
    traces, rows, styles = [], [], cycle(STYLES)
    for label, experiment, curve in curves:
        traces += _traces(label, curve, GREY if experiment.variant in BASELINES else next(styles))
        steps = f"{curve.index[-1]:,}"
        rows.append((label, experiment.recipe, steps, *(f"{curve['mean'].iloc[at]:.1f}" for at in (0, -1))))
    name = _score_name([experiment for _, experiment, _ in curves])
    which, best, unit = ("Highest", max, "AP") if name == "AP" else ("Lowest", min, "mm")
    end, label = best((curve["mean"].iloc[-1], label) for label, _, curve in curves)
    return Chart(
        id=chart_id,
        heading=heading,
        caption=f"{name} by step: mean over seeds, and a band from the lowest seed to the highest. Select a line in the legend to hide it.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "Step"}},
            "yaxis": {"title": {"text": name}},
            "hovermode": "x",
        },
        head=("network", "recipe", "steps", "first epoch", "last epoch"),
        rows=tuple(rows),
        says=f"{which} at the end: {label}, {end:.1f} {unit}.",
    )


def _traces(label: str, curve: pd.DataFrame, style: dict) -> Iterator[dict]:
    """The band of a curve, where its seeds differ, and its line over it; both go by one entry of the legend."""
    common = {"type": "scatter", "legendgroup": label}
    steps, low, high = curve.index.tolist(), curve["low"].round(3), curve["high"].round(3)
    if (high > low).any():
        outline = {"x": steps + steps[::-1], "y": [*high, *low[::-1]]}
        yield common | {"mode": "lines", "name": label, "showlegend": False, "meta": style | {"band": True}} | outline
    line = {"mode": "lines+markers", "name": label, "meta": style}
    yield common | line | {"x": steps, "y": curve["mean"].round(3).tolist()}


def run_curves(experiment: Experiment) -> Chart | None:
    """The histories of an experiment's runs, a line a seed: validation score by step, and training loss below it."""
    traces, rows = [], []
    for run in experiment.runs:
        for column, axis in ((_score(run.history), "y"), (LOSS, "y2")):
            if column in run.history and len(run.history) > 1:
                y = run.history[column].astype(float).round(5)
                seed = f"seed {run.seed}"
                traces.append(
                    {"type": "scatter", "mode": "lines+markers", "name": seed, "legendgroup": seed}
                    | {"showlegend": column != LOSS, "meta": STYLES[run.seed % COLOURS], "yaxis": axis}
                    | {"x": run.history["step"].tolist(), "y": y.tolist()}
                )
                rows.append((str(run.seed), column, *(f"{v:.4g}" for v in (y.iloc[0], y.iloc[-1]))))
    if not traces:
        return None
    return Chart(
        id="history",
        heading="Learning curves",
        caption="Score (above) and training loss (below) by step, one colour per seed.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "Step"}, "anchor": "y2"},
            "yaxis": {"title": {"text": _score_name([experiment])}, "domain": [0.45, 1]},
            "yaxis2": {"title": {"text": "Loss"}, "domain": [0, 0.36]},
        },
        head=("seed", "what", "first epoch", "last epoch"),
        rows=tuple(rows),
    )


def _curve(experiment: Experiment) -> pd.DataFrame:
    """Validation score over the runs that have one: index step, columns mean, low and high."""
    columns = [
        run.history.set_index("step")[_score(run.history)]
        for run in experiment.runs
        if "step" in run.history and _score(run.history) in run.history
    ]
    seeds = pd.concat(columns, axis=1).dropna() if columns else pd.DataFrame()
    return pd.DataFrame({"mean": seeds.mean(axis=1), "low": seeds.min(axis=1), "high": seeds.max(axis=1)})


def curve_of(experiment: Experiment) -> tuple[tuple[int, float], ...]:
    """Step and validation score, means over seeds; empty of a single epoch."""
    curve = _curve(experiment)["mean"].round(2)
    return tuple((int(step), value) for step, value in curve.items()) if len(curve) > 1 else ()


def _score(history: pd.DataFrame) -> str:
    """The column by which epochs are judged: validation, or what tables show where there is none."""
    names = [name for name in history.columns if name.startswith("val_") and history[name].notna().any()]
    return (names or [name for name in history.columns if name.startswith("test_")] or [""])[0]


def _score_name(found: Sequence[Experiment]) -> str:
    if Dataset.parse(found[0].dataset).kind == VIDEO:
        return "AP"
    selecting = any(_score(run.history) == "val_mpjpe" for experiment in found for run in experiment.runs)
    return "Validation P1 (mm)" if selecting else "Test P1 (mm)"
