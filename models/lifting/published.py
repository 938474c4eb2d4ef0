"""Weights of the published code, under our names.

The authors' files are torch containers with a dictionary: weights under `model_pos` (PoseMamba) or `model` (SasMamba),
beside optimiser state. Keys may carry the prefix `module.` of data-parallel training. The layout is stated as
renamings, so that a reader can check it against the authors' code line by line.
"""

import math
import re
from pathlib import Path

from torch import Tensor, nn

from models.checkpoints import check_keys, check_tensor, read_checkpoint, rename, unwrap
from studies.errors import InputError

CONTAINERS = ("model_pos", "model")
FRAME_TABLE = "Temporal_pos_embed"

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
    weights = unwrap(source if isinstance(source, dict) else read_checkpoint(Path(source)), CONTAINERS, where)
    ours = model.state_dict()
    theirs = {published_name(name): name for name in ours}
    check_keys(set(weights), set(theirs), where, "build the model with its depth and kind")
    for key, name in theirs.items():
        _check_weight(key, weights[key], published_shape(name, ours[name]), where)
    model.load_state_dict({name: weights[key].reshape(ours[name].shape) for key, name in theirs.items()})
    return model


def published_name(name: str) -> str:
    """Key of the published code for one of our parameter names."""
    renamed = rename(name, RENAMED)
    block = re.match(r"(STEblocks|TTEblocks)\.\d+\.", renamed)
    if block is None:
        return renamed
    return block[0] + rename(renamed[block.end() :], RENAMED_IN_BLOCK)


def published_shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    """Shape of that weight in a published file: tables have an axis more, A and D have scans and channels in one."""
    shape = tuple(tensor.shape)
    if name in ("joint_table", "frame_table"):
        return (1, *shape)
    if name.endswith((".A_log", ".D")):
        return (math.prod(shape[:2]), *shape[2:])
    return shape


def _check_weight(key: str, tensor: Tensor, expected: tuple[int, ...], where: str) -> None:
    shape = tuple(tensor.shape)
    if key == FRAME_TABLE and len(shape) == 3 and shape[::2] == expected[::2] and shape != expected:
        raise InputError(
            f"{where}: checkpoint has T={shape[1]}, model has T={expected[1]}: build with frames={shape[1]}"
        )
    check_tensor(key, tensor, expected, where)
