"""Predicted poses beside the true ones (PoseMamba's Figures 6 and 7), in mm, root-relative."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from base.errors import InputError
from datasets.lifting import Split, load
from metrics.lifting import image_millimetres, mpjpe
from reports.arrays import answered
from reports.figures.skeleton import bare, draw_bones, project
from reports.figures.sources import NotDrawn, Sources, read_array, recipe_of
from reports.figures.style import BLUE, FAINT, ORANGE, SOFT, note
from studies import types
from studies.predictions import Predicted
from studies.variants import resolve_variants

QUANTILES = (0.1, 0.5, 0.9)  # of the first variant's error: an easy, a typical and a hard frame
MARGIN = 120.0  # mm around a pose


@dataclass(frozen=True)
class Panel:
    """One variant's poses (N, 17, 3) in mm and its error (N,) in mm on the same frames."""

    label: str
    poses: np.ndarray
    errors: np.ndarray


def poses(study: types.Study, figure: types.Figure, sources: Sources) -> tuple[Figure, str]:
    """True (grey) and predicted (blue) skeletons: a row a frame, a column a variant, after the input `in-image`."""
    split, truth, panels = _predictions(figure, sources)
    frames = pick_frames(panels[0].errors)
    first = int(figure.kind == "poses-in-image")  # columns before the variants'
    drawn = Figure(figsize=(2.6 * (len(panels) + first) + 1.6, 3.1 * len(frames)), layout="constrained")
    note(drawn, sources.choice, sources.choice.data(figure.input))
    grid = drawn.subplots(len(frames), len(panels) + first, squeeze=False)
    for row, frame in zip(grid, frames, strict=True):
        for axes in row[:first]:
            _draw_image(axes, split, frame)
        _draw_row(row[first:], truth, panels, frame)
    _head(grid[:, first:], panels)
    for axes, quantile, frame in zip(grid[:, 0], QUANTILES, frames, strict=True):
        axes.set_ylabel(_frame_label(split, quantile, frame), rotation=0, ha="right", va="center", fontsize=9)
    caption = _caption(figure, sources, panels)
    if first:
        grid[0, 0].set_title("input: 2D keypoints", loc="center")
        caption += " Left: the keypoints that the nets see, in the image's frame; fainter means less confident."
    return drawn, caption


def pick_frames(errors: np.ndarray, quantiles: Sequence[float] = QUANTILES) -> list[int]:
    """Frames whose errors (N,) stand at the given quantiles, by rank; ties go to the earlier frame."""
    ranked = np.argsort(errors, kind="stable")
    return [int(ranked[round(q * (len(ranked) - 1))]) for q in quantiles]


def _predictions(figure: types.Figure, sources: Sources) -> tuple[Split, np.ndarray, list[Panel]]:
    """The data's split, its true poses (N, 17, 3) in mm, and a panel for each variant that was run."""
    data = sources.choice.data(figure.input)
    folder = sources.prepared / data / figure.split
    variants = [v for v in figure.variants if sources.runs(sources.choice, data, v, recipe_of(v, figure.recipe))]
    if not variants:
        raise NotDrawn(f"none of {', '.join(figure.variants)} was trained by recipe {figure.recipe} on {data}")
    if not folder.is_dir():
        raise NotDrawn(f"dataset {data} has no split {figure.split}")
    whole = load(folder)
    outputs = {v: _outputs(figure, sources.run(data, v, recipe_of(v, figure.recipe)), whole, sources) for v in variants}
    rows = answered(outputs.values())
    split = whole.take(rows)
    truth = _rooted(np.asarray(split.joints, dtype=float))
    return split, truth, [_panel(v, array[rows], split, truth) for v, array in outputs.items()]


def _outputs(figure: types.Figure, run: Path, split: Split, sources: Sources) -> np.ndarray:
    """What a network said of all rows of a split, (N, 17, 3), normalised."""
    selection = sources.choice.selection
    name = Predicted(selection, figure.split).key()
    outputs = read_array(run / "predictions.npz", name)
    if outputs.shape != split.joints.shape:
        raise InputError(
            f"{run / 'predictions.npz'}: {name} has shape {outputs.shape}, the data {split.joints.shape}; delete the "
            "run's folder and train again"
        )
    return outputs


def _panel(variant: str, outputs: np.ndarray, split: Split, truth: np.ndarray) -> Panel:
    sizes = (split.frames[key].to_numpy() for key in ("width", "height"))
    predicted = image_millimetres(outputs, split.factor, *sizes)
    return Panel(resolve_variants()[variant].label, predicted, mpjpe(predicted, truth))


def _rooted(poses: np.ndarray) -> np.ndarray:
    return poses - poses[:, :1]


def _draw_row(row: Sequence[Axes], truth: np.ndarray, panels: list[Panel], frame: int) -> None:
    """One frame by every variant, all within the same limits."""
    shown = np.concatenate([project(truth[frame])] + [project(panel.poses[frame]) for panel in panels])
    low, high = shown.min(axis=0) - MARGIN, shown.max(axis=0) + MARGIN
    for axes, panel in zip(row, panels, strict=True):
        bare(axes)
        draw_bones(axes, project(truth[frame]), color=FAINT, linewidth=4.5)
        draw_bones(axes, project(panel.poses[frame]), color=BLUE, linewidth=1.8)
        axes.scatter(*project(panel.poses[frame]).T, s=9, color=BLUE, zorder=3)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        axes.set_xlabel(f"{panel.errors[frame]:.1f} mm", color=SOFT)


def _draw_image(axes: Axes, split: Split, frame: int) -> None:
    """Input keypoints in the frame of the image, y down."""
    bare(axes)
    size = split.frames.iloc[frame]
    keypoints = np.asarray(split.keypoints[frame], dtype=float)  # (17, 3)
    axes.set(xlim=(0, size["width"]), ylim=(size["height"], 0))
    for spine in axes.spines.values():
        spine.set(visible=True, color=SOFT)
    draw_bones(axes, keypoints[:, :2], color=ORANGE, linewidth=1.6)
    strength = np.clip(keypoints[:, 2], 0.15, 1)
    axes.scatter(*keypoints[:, :2].T, s=14, color=ORANGE, alpha=strength, zorder=3)
    axes.set_xlabel(f"{size['width']} x {size['height']} pixels", color=SOFT)


def _head(grid: np.ndarray, panels: list[Panel]) -> None:
    for axes, panel in zip(grid[0], panels, strict=True):
        axes.set_title(panel.label, loc="center")
    handles = [
        grid[0, 0].plot([], [], color=FAINT, linewidth=4.5, label="truth")[0],
        grid[0, 0].plot([], [], color=BLUE, linewidth=1.8, label="prediction")[0],
    ]
    grid[0, 0].figure.legend(handles=handles, loc="outside lower right", ncols=2)


def _frame_label(split: Split, quantile: float, frame: int) -> str:
    row = split.frames.iloc[frame]
    return f"{quantile:.0%} quantile\n{row['action']}\n{row['sequence']}\nframe {row['frame']}"


def _caption(figure: types.Figure, sources: Sources, panels: list[Panel]) -> str:
    quantiles = ", ".join(f"{q:.0%}" for q in QUANTILES)
    missing = [v for v in figure.variants if resolve_variants()[v].label not in {p.label for p in panels}]
    absent = f" Not run: {', '.join(missing)}." if missing else ""
    return (
        f"Scale {sources.choice.scale}, {sources.choice.data(figure.input)}, split {figure.split}, recipe "
        f"{figure.recipe}, first seed. The frames are those at the {quantiles} quantiles of {panels[0].label}'s "
        "error over the split: an easy, a typical and a hard one. The error (MPJPE of that frame) is below each pose."
        f"{absent}"
    )
