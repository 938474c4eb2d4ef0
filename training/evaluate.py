"""Predictions of a model for every frame of a split."""

import numpy as np
import torch
from torch import Tensor, nn

from datasets.clips import tiling_clips
from datasets.lifting import Split
from metrics.lifting import average_windows
from metrics.protocols import human36m
from training.batches import mirror, model_inputs

FRAMES_AT_ONCE = 1024  # frames of a batch at evaluation, whatever the clip length


@torch.no_grad()
def predict(model: nn.Module, split: Split, flip_test: bool) -> np.ndarray:
    """Normalised poses (N, J, 3) float32 for all N rows of a split.

    Clips tile each sequence, the last one flush with its end, so that models of any clip length answer for the same
    frames; frames that two clips cover are averaged. With `flip_test`, the mean of the prediction and of the mirrored
    prediction for the mirrored input (spec section 4, item 1).
    """
    model.eval()
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    inputs = model_inputs(split, model.in_channels)
    clips = torch.from_numpy(np.asarray(tiling_clips([b - a for a, b in split.sequences()], model.frames)))
    outputs = []
    for rows in clips.split(max(1, FRAMES_AT_ONCE // model.frames)):
        outputs.append(_forward(model, inputs[rows].to(device), flip_test).cpu())
    return average_windows(torch.cat(outputs).numpy(), clips.numpy(), len(inputs)).astype(np.float32)


def validation_error(predictions: np.ndarray, split: Split) -> float:
    """P1 in millimetres under the Human3.6M protocol: what best epochs are selected by."""
    frames = split.frames
    return human36m(
        predictions,
        split.joints,
        split.factor,
        frames["width"].to_numpy(),
        frames["height"].to_numpy(),
        frames["action"].to_numpy(),
        frames["sequence"].to_numpy(),
    )["mpjpe"]


def _forward(model: nn.Module, clips: Tensor, flip_test: bool) -> Tensor:
    output = model(clips)  # (B, T, J, 3)
    return (output + mirror(model(mirror(clips)))) / 2 if flip_test else output
