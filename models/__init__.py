"""Every model by name. A model's module is imported when it is built: editing one concerns only its own runs."""

import inspect
from importlib import import_module
from pathlib import Path

from torch import Tensor

from base.errors import InputError
from models.arguments import checked_arguments
from models.contract import PoseModel
from studies.variants import resolve_variants, variant


def variants() -> list[str]:
    """Names that `build` knows, in the order of studies/variants.yaml."""
    return list(resolve_variants())


def build(name: str, **overrides: object) -> PoseModel:
    """A freshly initialised model; `overrides` replace hyper-parameters of the variant (frames, depth, width, ...).

    Lifting models map (B, T, J, C) to (B, T, J, 3) and have the attributes `frames`, `joints`, `in_channels`. Video
    models map (B, T, 3, H, W) to heatmaps (B, J, H/4, W/4), or to places and scores (B, J, 3) where they emit
    coordinates, and have `frames`, `joints`, `image` (height and width).
    Raises InputError for an unknown variant or hyper-parameter, and for a value that is none.

    >>> import torch
    >>> network = build("posemamba-s", frames=27, depth=2)
    >>> network(torch.zeros(1, 27, 17, 2)).shape
    torch.Size([1, 27, 17, 3])
    """
    model = _model_class(name)
    return model(**checked_arguments(name, model, variant(name).hyper | overrides))


def scan_arguments(name: str, backend: str) -> dict[str, str]:
    """Arguments of `build` that choose the scan's backend: none for a variant whose model takes no `backend`."""
    return {"backend": backend} if "backend" in inspect.signature(_model_class(name)).parameters else {}


def load_published(model: PoseModel, source: str | Path | dict[str, Tensor]) -> PoseModel:
    """Fill `model` with weights that its authors released and return it; all of them fit or none is loaded.

    Video models take their own, or a ViTPose's. source : checkpoint file, or its weights as a dictionary. Raises
    InputError for everything that does not fit.
    """
    network = getattr(model, "_orig_mod", model)  # inside of what torch.compile gives
    if any(weight.is_meta for weight in network.parameters()):
        raise InputError(f"{type(network).__name__} is on the meta device, which keeps no values: build it on the CPU")
    # Imported by its name: a training that starts from no released file does not depend on what reads such files.
    import_module(f"models.{network.kind}.official").load(network, source)
    return model


def _model_class(name: str) -> type[PoseModel]:
    chosen = variant(name)
    own = chosen.model.rpartition(".")[2]
    found = getattr(import_module(chosen.module), own, None)
    if found is None:
        raise InputError(f"studies/variants.yaml: {name}.model: {chosen.module} has no {own!r}; mend the name")
    return found
