"""The map of Figure 5: which joint and which frame a trained network's last scan looks at."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from base.errors import InputError
from base.files import write_arrays
from datasets.clips import tiling_clips
from datasets.lifting import load
from models.contract import PoseModel
from models.lifting.lifter import Lifter
from models.lifting.scan import ScanOperator
from models.ssm.attention import scan_attention
from models.ssm.inputs import ScanInputs
from studies.recipes import RunSpec
from training.batches import model_inputs
from training.checkpoints import load_weights
from training.run import build_model

CLIPS = 8  # averaged over: one clip is an anecdote


def write_ssm_maps(spec: RunSpec, weights: Path, data: Path, path: Path) -> None:
    """Write `joint_map` (J, J) and `frame_map` (T, T), means over clips spread evenly over the test split."""
    model = build_model(spec)
    model.load_state_dict(load_weights(weights))
    split = load(data / "test")
    inputs = model_inputs(split, model.in_channels)
    clips = np.asarray(tiling_clips([stop - start for start, stop in split.sequences()], model.frames))
    chosen = torch.from_numpy(clips[np.unique(np.linspace(0, len(clips) - 1, CLIPS).astype(int))])
    maps = [ssm_maps(model.eval(), inputs[rows]) for rows in chosen]
    joint_map, frame_map = (torch.stack([torch.as_tensor(m) for m in each]).mean(0) for each in zip(*maps, strict=True))
    write_arrays(path, {"joint_map": joint_map.numpy(), "frame_map": frame_map.numpy()})


@torch.no_grad()
def ssm_maps(model: PoseModel, clip: Tensor) -> tuple[Tensor, Tensor]:
    """What the last block of a PoseMamba or SasMamba attends to in a clip (T, J, C): maps (J, J) and (T, T).

    The joint map is the mean over frames of the attention within a frame, the frame map the mean over joints of that
    of a joint to itself at other times; rows are outputs, columns inputs. Raises InputError for other models.
    """
    operator, seen = model.time_blocks[-1].mixer if isinstance(model, Lifter) else None, []
    if not isinstance(operator, ScanOperator):
        raise InputError(f"{type(model).__name__} has no scan to draw a map of: choose a PoseMamba or SasMamba variant")
    hook = operator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    training = model.training
    try:
        model.eval()(clip[None])
    finally:
        hook.remove()
        model.train(training)
    T, J, _ = clip.shape
    attention = _operator_attention(operator, seen[0]).view(T, J, T, J)
    return attention.diagonal(dim1=0, dim2=2).mean(-1), attention.diagonal(dim1=1, dim2=3).mean(-1)


def _operator_attention(operator: ScanOperator, x: Tensor) -> Tensor:
    """Map (T J, T J) of the four directions of an operator for (1, T, J, width)."""
    tokens, _ = operator.tokens_and_gate(x)
    pairs = [pair.with_full_steps() for pair in operator.scan_inputs(*tokens, x.shape[1], x.shape[2])]
    by_clip = {name: torch.cat([getattr(pair, name) for pair in pairs], 1) for name in ("delta", "B", "C")}
    shared = {name: torch.cat([getattr(pair, name) for pair in pairs]) for name in ("A", "delta_bias", "orders")}
    return scan_attention(ScanInputs(tokens[1], **by_clip, **shared))
