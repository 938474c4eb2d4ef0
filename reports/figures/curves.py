"""Learning curves: validation error by step, a line a network, a panel a table."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from base.files import read_csv
from reports.figures.sources import NotDrawn, Sources
from reports.figures.style import COLOURS, LINES, SOFT, note
from reports.tables.rows import baseline_rows
from studies import types
from studies.plan import BASELINES

COLUMNS = ("step", "val_mpjpe")
RETRAIN = "train that run again (`make resume`)"
Curve = tuple[str, str, pd.DataFrame]  # label, variant, validation errors: index step, columns mean, low, high


def learning_curves(study: types.Study, figure: types.Figure, sources: Sources) -> tuple[Figure, str]:
    """Validation MPJPE by step: mean over seeds, band from the lowest to the highest seed."""
    evidence = sources.choice.evidence
    data = evidence.data(figure.input)
    panels = []
    for table_id in figure.tables:
        table = study.table(table_id)
        curves = _table_curves(table, data, sources)
        if any(variant not in BASELINES for _, variant, _ in curves):
            panels.append((table.heading, curves))
    if not panels:
        raise NotDrawn(f"no variant of {', '.join(figure.tables)} was trained on {data}")
    drawn = Figure(figsize=(11, 3.7 * len(panels)), layout="constrained")
    for axes, (title, curves) in zip(drawn.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        _panel(axes, curves, title)
    note(drawn, evidence, data)
    return drawn, (
        f"Validation error by step at scale {evidence.scale} on {data}: mean over seeds, band from the lowest "
        "to the highest seed. Baselines in grey. A variant that was not run has no line."
    )


def _table_curves(table: types.Table, data: str, sources: Sources) -> list[Curve]:
    """Curves of a table's rows, then of the baselines; each run once, though two rows may show it."""
    rows = [row for row in [*table.rows, *baseline_rows(table, sources.choice.evidence)] if row.variant]
    experiments = {(row.variant, row.recipe): row.label for row in reversed(rows) if row.recipe}
    curves = []
    for (variant, recipe), label in reversed(experiments.items()):
        runs = sources.runs(sources.choice.evidence, data, variant, recipe)
        if runs:
            curves.append((label, variant, _curve(runs)))
    return curves


def _curve(runs: list[Path]) -> pd.DataFrame:
    errors = pd.concat([_history(run).set_index("step")["val_mpjpe"] for run in runs], axis=1)
    return pd.DataFrame({"mean": errors.mean(axis=1), "low": errors.min(axis=1), "high": errors.max(axis=1)})


def _history(run: Path) -> pd.DataFrame:
    path = run / "history.csv"
    if not path.is_file():
        raise NotDrawn(f"{path} is not there; `make resume` makes it")
    return read_csv(path, COLUMNS, RETRAIN)


def _panel(axes: Axes, curves: list[Curve], title: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("Step")
    axes.set_ylabel("Validation MPJPE (mm)")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:.0f}")
    axes.yaxis.set_minor_formatter("{x:.0f}")
    nets = [variant not in BASELINES for _, variant, _ in curves]
    styles = iter([(colour, line) for line in LINES for colour in COLOURS[:7] + COLOURS[8:]])
    grey = iter([(SOFT, "--"), (SOFT, ":"), (SOFT, "-."), (SOFT, "-")] * len(curves))
    for (label, _, curve), is_net in zip(curves, nets, strict=True):
        colour, line = next(styles if is_net else grey)
        _line(axes, curve, label, colour, line)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), title="mean of seeds, last step", alignment="left")


def _line(axes: Axes, curve: pd.DataFrame, label: str, colour: str, line: str) -> None:
    """A line with its band; an experiment of a single epoch (the mean pose) is a level."""
    label = f"{label}: {curve['mean'].iloc[-1]:.1f} mm"
    if len(curve) == 1:
        axes.axhline(curve["mean"].iloc[0], color=colour, linestyle=line, label=label)
        return
    axes.plot(curve.index, curve["mean"], color=colour, linestyle=line, linewidth=1.8, label=label)
    axes.fill_between(curve.index, curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)
