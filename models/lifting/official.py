"""Official weights of lifting networks, by the layout that each model states as its attribute `layout`.

The authors' files are torch containers with a dictionary of weights, mostly beside optimiser state, or that dictionary
alone. Keys may carry the prefix `module.` of data-parallel training. Everything fits, or nothing is loaded: several
authors' own loaders drop what does not fit without a word, and go on with random numbers in its place.
"""

from pathlib import Path

from torch import Tensor

from base.errors import InputError
from models.checkpoints import as_released, check_layout, fill, read_weights
from models.layout import Layout
from models.lifting.parts import LiftingModel


def load(model: LiftingModel, source: str | Path | dict[str, Tensor]) -> None:
    """Fill a model with official weights, as `models.load_published`: all fit, or none is loaded."""
    layout = _layout(model)
    weights, where = read_weights(source, layout.containers)
    check_layout(model, layout, weights, where, "build the model with its depth and kind")
    _check_frames(model, layout, weights, where)
    fill(model, layout, weights, where)


def official_weights(model: LiftingModel) -> dict[str, Tensor]:
    """A model's own weights as the released code would keep them: their keys and shapes, without container."""
    return as_released(model, _layout(model))


def _layout(model: LiftingModel) -> Layout:
    if model.layout is None:
        raise InputError(f"no official weights are known for {type(model).__name__}")
    return model.layout


def _check_frames(model: LiftingModel, layout: Layout, weights: dict[str, Tensor], where: str) -> None:
    """Raise InputError where the weights are for clips of another length."""
    for key, axis in layout.frames.items():
        frames = weights[key].shape[axis] * layout.frames_each if weights[key].ndim > axis else model.frames
        if frames != model.frames:
            raise InputError(
                f"{where}: checkpoint has T={frames}, model has T={model.frames}: build with frames={frames}"
            )
