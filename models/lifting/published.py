"""Weights of the published code, under our names.

The authors' files are torch containers with a dictionary: weights under `model_pos` (PoseMamba) or `model` (SasMamba),
beside optimiser state. Keys may carry the prefix `module.` of data-parallel training. The layout is stated as
renamings, so that a reader can check it against the authors' code line by line.
"""

import math
import pickle
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from studies.errors import InputError

CONTAINERS = ("model_pos", "model")
FRAME_TABLE = "Temporal_pos_embed"
REFUSED = ("unsupported global", "unsupported class", "unrecognized")  # how torch says: not a type that I unpickle

# Ours -> theirs; patterns match the start of a name, and the rest of the name stays.
RENAMED = [
    (r"embedding\.", "Spatial_patch_to_embedding."),
    (r"joint_table$", "Spatial_pos_embed"),
    (r"frame_table$", FRAME_TABLE),
    (r"space_norm\.", "Spatial_norm."),
    (r"time_norm\.", "Temporal_norm."),
    (r"head_norm\.", "head.0."),
    (r"head\.", "head.1."),
    (r"space_blocks\.(\d+)\.", r"STEblocks.\1."),
    (r"time_blocks\.(\d+)\.", r"TTEblocks.\1."),
]
RENAMED_IN_BLOCK = [
    (r"norm1\.", "norm."),
    (r"scan\.conv\.", "op.conv2d."),
    (r"scan\.x_proj$", "op.x_proj_weight"),
    (r"scan\.dt_proj$", "op.dt_projs_weight"),
    (r"scan\.dt_bias$", "op.dt_projs_bias"),
    (r"scan\.A_log$", "op.A_logs"),
    (r"scan\.D$", "op.Ds"),
    (r"scan\.norm\.", "op.out_norm."),
    (r"scan\.(in_proj|out_proj)\.", r"op.\1."),
]


def load(model: nn.Module, source: str | Path | dict[str, Tensor]) -> nn.Module:
    """Fill a PoseMamba or SasMamba with published weights, as `models.load_published`: all fit, or none is loaded."""
    if not hasattr(model, "frame_table"):
        raise InputError(f"published weights exist for PoseMamba and SasMamba, not for {type(model).__name__}")
    where = "the state dictionary" if isinstance(source, dict) else str(source)
    weights = _weights(source if isinstance(source, dict) else _read(Path(source)), where)
    ours = model.state_dict()
    theirs = {published_name(name): name for name in ours}
    _check_keys(set(weights), set(theirs), where)
    for key, name in theirs.items():
        _check_tensor(key, weights[key], published_shape(name, ours[name]), where)
    model.load_state_dict({name: weights[key].reshape(ours[name].shape) for key, name in theirs.items()})
    return model


def published_name(name: str) -> str:
    """Key of the published code for one of our parameter names."""
    renamed = _rename(name, RENAMED)
    block = re.match(r"(STEblocks|TTEblocks)\.\d+\.", renamed)
    if block is None:
        return renamed
    return block[0] + _rename(renamed[block.end() :], RENAMED_IN_BLOCK)


def published_shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    """Shape of that weight in a published file: tables have an axis more, A and D have scans and channels in one."""
    shape = tuple(tensor.shape)
    if name in ("joint_table", "frame_table"):
        return (1, *shape)
    if name.endswith((".A_log", ".D")):
        return (math.prod(shape[:2]), *shape[2:])
    return shape


def _rename(name: str, rules: list[tuple[str, str]]) -> str:
    for pattern, replacement in rules:
        renamed, count = re.subn(f"^{pattern}", replacement, name)
        if count:
            return renamed
    return name


def _read(path: Path) -> dict:
    """Content of a checkpoint file. Nothing but tensors, plain containers and numpy scalars is unpickled."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: a .bin file is itself a zip, load the file and do not unpack it")
    if not path.is_file():
        raise InputError(f"{path} does not exist: give the path of the downloaded checkpoint file")
    try:
        with torch.serialization.safe_globals(_numpy_scalars()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if any(sign in str(error).lower() for sign in REFUSED):
            raise InputError(f"{path} holds more than weights, which is not loaded because it may run code") from None
        raise InputError(f"{path} is damaged or no torch checkpoint: download it again") from None
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, IndexError, TypeError, OSError):
        raise InputError(f"{path} is damaged or no torch checkpoint: download it again") from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds a {type(content).__name__}, not a dictionary of weights: give a checkpoint file"
        )
    return content


def _numpy_scalars() -> list:
    """What a pickled numpy number refers to (the authors save their best error as one)."""
    scalar = np._core.multiarray.scalar
    dtypes = [type(np.dtype(kind)) for kind in ("float32", "float64", "int32", "int64")]
    return [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), np.dtype, *dtypes]


def _weights(content: dict, where: str) -> dict[str, Tensor]:
    """Weights by the authors' keys, without container and prefix."""
    for key in CONTAINERS:
        if isinstance(content.get(key), dict):
            content = content[key]
            break
    if not content or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
        raise InputError(f"{where} has no weights under {' or '.join(CONTAINERS)}, nor is it a plain state dictionary")
    return {key.removeprefix("module."): value for key, value in content.items()}


def _check_keys(given: set[str], expected: set[str], where: str) -> None:
    missing, surplus = sorted(expected - given), sorted(given - expected)
    if missing or surplus:
        parts = [f"{label} {_some(keys)}" for label, keys in (("lacks", missing), ("has surplus", surplus)) if keys]
        raise InputError(
            f"{where} does not fit the model: it {' and '.join(parts)}; build the model with its depth and kind"
        )


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else "")


def _check_tensor(key: str, tensor: Tensor, expected: tuple[int, ...], where: str) -> None:
    shape = tuple(tensor.shape)
    if key == FRAME_TABLE and len(shape) == 3 and shape[::2] == expected[::2] and shape != expected:
        raise InputError(
            f"{where}: checkpoint has T={shape[1]}, model has T={expected[1]}: build with frames={shape[1]}"
        )
    if shape != expected:
        raise InputError(f"{where}: {key} is {shape}, the model needs {expected}: build it with the checkpoint's sizes")
    if not tensor.is_floating_point() or not tensor.isfinite().all():
        raise InputError(f"{where}: {key} holds values that are no finite numbers: download it again")
