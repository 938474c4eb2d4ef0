"""The map of Figure 5: which joint and which frame a trained network's last scan looks at."""

from pathlib import Path

import numpy as np
import torch

from datasets.clips import tiling_clips
from datasets.lifting import load
from models.ssm.attention import ssm_maps
from studies.recipes import RunSpec
from training.batches import model_inputs
from training.checkpoints import load_weights, save_arrays
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
    save_arrays(path, {"joint_map": joint_map.numpy(), "frame_map": frame_map.numpy()})
