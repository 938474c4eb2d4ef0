"""Variants on the meta device: shapes only, at no cost."""

import torch
from torch import Tensor

import models
from models.contract import PoseModel


def on_meta(name: str, **overrides: object) -> tuple[PoseModel, Tensor]:
    """A variant and one clip for it, shapes only."""
    with torch.device("meta"):
        model = models.build(name, **overrides)
        return model, torch.empty(model.example_shape)
