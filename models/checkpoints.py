"""Reading published checkpoint files, and saying in one line what does not fit. Nothing untrusted is unpickled."""

import math
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from studies.errors import InputError

REFUSED = ("unsupported global", "unsupported class", "unrecognized")  # how torch says: not a type that I unpickle
MAKERS_OF_STATES = ("__randomstate_ctor", "__bit_generator_ctor")
DAMAGED = "is damaged or no torch checkpoint: download it again"

Shape = tuple[int, ...]
IMAGE, CAMERA = "image space, scaled by the true factor of each frame", "metres of camera space"


@dataclass(frozen=True)
class Layout:
    """How published code keeps the weights of a network: a model says it as its attribute `published`.

    containers : keys of the file under the first of which, that is there, the weights are; a file may also be the
        plain dictionary of weights
    renamed : (pattern, replacement as of `re.sub`) from our names to theirs; every rule is applied, one after the other
    reshaped : (pattern of our names, what makes their shape of ours); the numbers stay in their order
    frames : keys of theirs by which a clip length shows, and along which axis, where T is baked into the weights
    frames_each : frames for one step along that axis
    space : what the published weights answer in: IMAGE, as this project's networks, or CAMERA
    """

    containers: tuple[str, ...]
    renamed: tuple[tuple[str, str | Callable[[re.Match], str]], ...]
    reshaped: tuple[tuple[str, Callable[[Shape], Shape]], ...] = ()
    frames: Mapping[str, int] = field(default_factory=dict)
    frames_each: int = 1
    space: str = IMAGE

    def name(self, ours: str) -> str:
        """Their key for one of our names."""
        for pattern, replacement in self.renamed:
            ours = re.sub(pattern, replacement, ours)
        return ours

    def shape(self, ours: str, shape: Shape) -> Shape:
        """Their shape of one of our weights."""
        for pattern, change in self.reshaped:
            if re.search(pattern, ours):
                return change(shape)
        return shape

    @staticmethod
    def one_axis_more(shape: Shape) -> Shape:
        return 1, *shape

    @staticmethod
    def one_axis_less(shape: Shape) -> Shape:
        return shape[1:]

    @staticmethod
    def first_two_in_one(shape: Shape) -> Shape:
        return math.prod(shape[:2]), *shape[2:]


def read_checkpoint(path: Path) -> dict:
    """Content of a checkpoint file, safetensors by its suffix, torch's own format otherwise.

    Nothing but tensors, plain containers and numpy scalars is unpickled. Raises InputError for what is no such file.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: a .bin file is itself a zip, load the file and do not unpack it")
    if not path.is_file():
        raise InputError(f"{path} does not exist: give the path of the downloaded checkpoint file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        with torch.serialization.safe_globals(_numpy_scalars() + _numpy_random_states()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if any(sign in str(error).lower() for sign in REFUSED):
            raise InputError(f"{path} holds more than weights, which is not loaded because it may run code") from None
        raise InputError(f"{path} {DAMAGED}") from None
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, IndexError, TypeError, OSError):
        raise InputError(f"{path} {DAMAGED}") from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds a {type(content).__name__}, not a dictionary of weights: give a checkpoint file"
        )
    return content


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError):
        raise InputError(f"{path} is damaged or no safetensors file: download it again") from None


def _numpy_scalars() -> list:
    """What a pickled numpy number refers to (the authors save their best error as one)."""
    scalar = np._core.multiarray.scalar
    dtypes = [type(np.dtype(kind)) for kind in ("float32", "float64", "int32", "int64")]
    return [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), np.dtype, *dtypes]


def _numpy_random_states() -> list:
    """What a pickled `numpy.random.RandomState` refers to: VideoPose3D's descendants save one beside the weights."""
    made_by = [(getattr(np.random._pickle, name), f"numpy.random._pickle.{name}") for name in MAKERS_OF_STATES]
    reconstruct = np._core.multiarray._reconstruct
    arrays = [(reconstruct, f"{core}.multiarray._reconstruct") for core in ("numpy.core", "numpy._core")]
    dtypes = [type(np.dtype(kind)) for kind in ("uint32", "uint64")]
    return [*made_by, *arrays, np.ndarray, np.random.RandomState, np.random.MT19937, *dtypes]


def unwrap(content: dict, containers: tuple[str, ...], where: str) -> dict[str, Tensor]:
    """Weights by the authors' keys, without the first of `containers` that is there and without `module.` prefixes.

    Raises InputError when there are none.
    """
    for key in containers:
        if isinstance(content.get(key), dict):
            content = content[key]
            break
    if not content or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
        raise InputError(f"{where} has no weights under {' or '.join(containers)}, nor is it a plain state dictionary")
    return {key.removeprefix("module."): value for key, value in content.items()}


def rename(name: str, rules: list[tuple[str, str]]) -> str:
    """A name after the first rule (pattern of its start, replacement) that matches it, or as it is."""
    for pattern, replacement in rules:
        renamed, count = re.subn(f"^{pattern}", replacement, name)
        if count:
            return renamed
    return name


def check_keys(given: set[str], expected: set[str], where: str, remedy: str) -> None:
    """Raise InputError that names the first keys which are missing or surplus."""
    missing, surplus = sorted(expected - given), sorted(given - expected)
    if missing or surplus:
        parts = [f"{label} {_some(keys)}" for label, keys in (("lacks", missing), ("has surplus", surplus)) if keys]
        raise InputError(f"{where} does not fit the model: it {' and '.join(parts)}; {remedy}")


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else "")


def check_tensor(key: str, tensor: Tensor, expected: tuple[int, ...], where: str) -> None:
    """Raise InputError unless a weight has the expected shape and finite floating-point values."""
    shape = tuple(tensor.shape)
    if shape != expected:
        raise InputError(f"{where}: {key} is {shape}, the model needs {expected}: build it with the checkpoint's sizes")
    if not tensor.is_floating_point() or not tensor.isfinite().all():
        raise InputError(f"{where}: {key} holds values that are no finite numbers: download it again")
