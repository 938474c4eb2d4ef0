"""Weights of official checkpoints: which of a file's tensors they are, and one line on what does not fit."""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from base.errors import InputError
from models.layout import Layout, Shape
from models.reading import read_checkpoint

CONTAINERS = ("state_dict", "model_state_dict")  # of any training script; Lightning has the first
# What wrappers put before names: data-parallel training, a LightningModule's `model`; and anywhere in them:
# torch.compile, activation checkpoints, sharded training.
PREFIX = re.compile(r"^(?:(?:module|model)\.)+")
INFIX = re.compile(r"(?<![^.])(?:_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.")
# Well-known additions to a state dictionary that are no weights: thop's tallies, the age of running means, what a
# module saves besides tensors; the age of torch's averaged weights, and OpenMMLab's averaged copies of the weights.
ADDITIONS = re.compile(r"(?:^|\.)(?:total_ops|total_params|num_batches_tracked|_extra_state)$|^n_averaged$|^ema_")


def read_weights(source: str | Path | dict[str, Tensor], containers: tuple[str, ...]) -> tuple[dict[str, Tensor], str]:
    """Weights by the authors' keys, from a checkpoint file or its content, and what to call it in messages.

    They are under the first of `containers` and CONTAINERS that is there, or are all that there is. Wrappers' prefixes
    and well-known additions are left out. Raises InputError where there are no weights, and where one is there twice.
    """
    where = "the state dictionary" if isinstance(source, dict) else str(source)
    content = source if isinstance(source, dict) else read_checkpoint(Path(source))
    state = next((content[key] for key in (*containers, *CONTAINERS) if isinstance(content.get(key), dict)), content)
    named = {key: value for key, value in state.items() if not is_addition(key)}
    odd = [key for key, value in named.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
    if odd and state is not content:
        raise InputError(f"{where}: {odd[0]} is not a tensor: save only tensors, each under its name")
    if odd or not named:
        raise InputError(_no_weights(content, containers, where))
    keys: dict[str, str] = {}
    for key in named:
        other = keys.setdefault(_bare(key), key)
        if other != key:
            raise InputError(f"{where} has {_bare(key)} twice, as {other} and {key}: remove one of them")
    return {name: named[key] for name, key in keys.items()}, where


def _bare(key: str) -> str:
    """A key without what wrappers of a network add to it."""
    return PREFIX.sub("", INFIX.sub("", key))


def is_addition(key: object) -> bool:
    """Whether a key of a state dictionary is of no weight but of something that tools and layers keep beside them."""
    return isinstance(key, str) and bool(ADDITIONS.search(_bare(key)))


def _no_weights(content: dict, containers: tuple[str, ...], where: str) -> str:
    """What to say of a file without weights where they are looked for: it names the places that have some."""
    holders = [
        str(key)
        for key, value in content.items()
        if isinstance(value, dict) and value and all(isinstance(weight, Tensor) for weight in value.values())
    ]
    elsewhere = f"; it has tensors under {_some(holders)}: give one of these dictionaries" if holders else ""
    return f"{where} has no weights under {' or '.join(containers)}, nor is it a plain state dictionary{elsewhere}"


def _check_plain(key: str, tensor: Tensor, where: str) -> None:
    """Raise InputError unless a weight is a plain dense tensor of floating-point numbers that are there."""
    if type(tensor) not in (Tensor, nn.Parameter):
        what, remedy = f"a {type(tensor).__name__}", "give a plain tensor"
    elif tensor.is_meta:
        what, remedy = "without values, on the meta device", "save the weights from a device that has them"
    elif tensor.is_quantized:
        what, remedy = f"quantised ({_dtype(tensor)})", "save it as .dequantize() gives it"
    elif tensor.layout != torch.strided or tensor.is_nested:
        what, remedy = "not a dense tensor (sparse, nested or of another library)", "save it as .to_dense() gives it"
    elif not tensor.is_floating_point():
        what, remedy = f"of type {_dtype(tensor)}", "weights are floating-point numbers"
    else:
        return
    raise InputError(f"{where}: {key} is {what}: {remedy}")


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def check_keys(given: dict[str, Tensor], expected: set[str], where: str, remedy: str) -> None:
    """Raise InputError that names the first keys which are missing, surplus, or of no plain tensor with numbers."""
    missing, surplus = sorted(expected - given.keys()), sorted(given.keys() - expected)
    if missing or surplus:
        parts = [f"{label} {_some(keys)}" for label, keys in (("lacks", missing), ("has surplus", surplus)) if keys]
        raise InputError(f"{where} does not fit the model: it {' and '.join(parts)}; {remedy}")
    for key, tensor in given.items():
        _check_plain(key, tensor, where)


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else "")


def check_tensor(key: str, tensor: Tensor, expected: Shape, dtype: torch.dtype, where: str) -> None:
    """Raise InputError unless a weight has the expected shape, and values that are finite numbers of type `dtype`."""
    shape = tuple(tensor.shape)
    if shape != expected:
        raise InputError(f"{where}: {key} is {shape}, the model needs {expected}: build it with the checkpoint's sizes")
    given = tensor.double() if tensor.itemsize == 1 else tensor  # 8-bit numbers have no isfinite
    if not given.isfinite().all():
        raise InputError(
            f"{where}: {key} holds values that are not finite: the training diverged, use an earlier checkpoint"
        )
    if not given.to(dtype).isfinite().all():
        raise InputError(
            f"{where}: {key} has values up to {given.abs().max():.3g}, too large for the model's {dtype}: "
            "convert the model with .double()"
        )


def check_layout(model: nn.Module, layout: Layout, weights: dict[str, Tensor], where: str, remedy: str) -> None:
    """Raise InputError unless the weights have the keys of a model in a layout, all of them and no other."""
    check_keys(weights, {layout.name(name) for name in own_weights(model)}, where, remedy)


def fill(model: nn.Module, layout: Layout, weights: dict[str, Tensor], where: str) -> None:
    """Give a model the weights that `check_layout` found in order; raises InputError as `check_tensor`, for any."""
    theirs = {name: (layout.name(name), tensor) for name, tensor in own_weights(model).items()}
    for name, (key, tensor) in theirs.items():
        check_tensor(key, weights[key], layout.shape(name, tuple(tensor.shape)), tensor.dtype, where)
    filled = {name: weights[key].reshape(tensor.shape) for name, (key, tensor) in theirs.items()}
    model.load_state_dict(model.state_dict() | filled)


def own_weights(model: nn.Module) -> dict[str, Tensor]:
    """What a checkpoint of a model holds, by our names."""
    return {name: tensor for name, tensor in model.state_dict().items() if not is_addition(name)}


def as_released(model: nn.Module, layout: Layout) -> dict[str, Tensor]:
    """A model's own weights as the released code would keep them: their keys and shapes, without container."""
    state = own_weights(model)
    return {layout.name(n): t.reshape(layout.shape(n, tuple(t.shape))) for n, t in state.items()}
