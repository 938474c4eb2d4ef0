"""The SSM map: how much each joint (frame) draws on each other one in the last block, as PoseMamba's Figure 5."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from base.errors import InputError
from reports.figures.skeleton import JOINT_NAMES, JOINTS
from reports.figures.sources import Sources, read_array
from reports.figures.style import SEQUENTIAL, note
from studies import types
from studies.variants import resolve_variants

FRAME_TICKS = 9  # labelled frames, about


def ssm_map(study: types.Study, figure: types.Figure, sources: Sources) -> tuple[Figure, str]:
    """Joint map and frame map of one trained run, from its `ssm_maps.npz`."""
    data = sources.choice.data(figure.input)
    path = sources.run(data, figure.variant, figure.recipe) / "ssm_maps.npz"
    joints, frames = _square(path, "joint_map"), _square(path, "frame_map")
    if len(joints) != JOINTS:
        raise InputError(f"{path}: joint_map must be {JOINTS} x {JOINTS}, got {joints.shape}; delete it and run again")
    drawn = Figure(figsize=(12.5, 5.6), layout="constrained")
    left, right = drawn.subplots(1, 2)
    note(drawn, sources.choice, data)
    _heat(left, joints, "Joints", dict(enumerate(JOINT_NAMES)))
    _heat(right, frames, "Frames", {i: str(i) for i in range(0, len(frames), -(-len(frames) // FRAME_TICKS))})
    left.tick_params(axis="x", rotation=90)
    left.set(xlabel="joint that is read", ylabel="joint that reads")
    right.set(xlabel="frame that is read", ylabel="frame that reads")
    return drawn, (
        f"How much the last spatio-temporal block of {resolve_variants()[figure.variant].label} lets each joint "
        f"(left) and frame (right) draw on the others. Scale {sources.choice.scale}, {data}, recipe "
        f"{figure.recipe}, first seed."
    )


def _square(path: Path, name: str) -> np.ndarray:
    values = read_array(path, name)
    if values.ndim != 2 or len(set(values.shape)) != 1 or not np.isfinite(values).all():
        raise InputError(f"{path}: {name} must be a square of finite numbers; delete it and run again")
    return values


def _heat(axes: Axes, values: np.ndarray, title: str, ticks: dict[int, str]) -> None:
    axes.set_title(title)
    axes.grid(False)
    image = axes.imshow(values, cmap=SEQUENTIAL, interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, shrink=0.8, label="strength")
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.tick_params(length=0, labelsize=8.5)
