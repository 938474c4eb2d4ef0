"""Predictions of a model for every frame of a split."""

import numpy as np
import torch
from torch import Tensor

from datasets.lifting import Split
from metrics.protocols import P1, Frames, human36m, mpi_inf_3dhp
from metrics.windows import average_windows
from models.lifting.parts import LiftingModel
from training.batches import mirror, model_inputs
from training.team import of_device

FRAMES_AT_ONCE = 1024  # frames of a batch at evaluation, whatever the clip length


@torch.no_grad()
def predict(model: LiftingModel, split: Split, flip_test: bool) -> np.ndarray:
    """Normalised poses (N, J, 3) float32 for all N rows of a split; NaN in rows that it is not judged by.

    What the network looks at the split decides (`datasets.lifting.WINDOWS`): where clips tile each sequence, the last
    one flush with its end, models of any clip length answer for the same frames. Frames that two clips cover are
    averaged. A network that answers for the middle frame alone goes from frame to frame. With `flip_test`, the mean of
    the prediction and of the mirrored prediction for the mirrored input, as in MotionBERT's `train.py`.
    """
    model.eval()
    device = of_device(model.parameters())
    centre = model.emits == "centre"
    inputs, order = model_inputs(split, model.in_channels), split.skeleton.flip_order
    windows = torch.from_numpy(np.asarray(split.windows(model.frames, centre)))
    middle, outputs = split.centred() or centre, []
    for rows in windows.split(max(1, FRAMES_AT_ONCE // model.frames)):
        output = _forward(model, inputs[rows].to(device), order if flip_test else None)
        outputs.append((output[:, output.shape[1] // 2, None] if middle else output).cpu())
    if middle:
        windows = windows[:, model.frames // 2, None]
    return average_windows(torch.cat(outputs).numpy(), windows.numpy(), len(inputs)).astype(np.float32)


def p1_error(predictions: np.ndarray, split: Split, clip: int) -> float:
    """P1 in millimetres under the split's protocol: what epochs are selected by.

    predictions : (N, J, 3) of a network of `clip` frames, from `predict`
    """
    rows, split = split.judged(clip)
    predictions = predictions[rows]
    frames = Frames(split.joints, split.width, split.height, split.sequence, split.action, split.factor)
    score = mpi_inf_3dhp if split.protocol == "mpi-inf-3dhp" else human36m
    return score(predictions, frames, P1)["mpjpe"]


def _forward(model: LiftingModel, clips: Tensor, flip_order: tuple[int, ...] | None) -> Tensor:
    output = model(clips)  # (B, T, J, 3), or (B, 1, J, 3) of the middle frame
    if flip_order is None:
        return output
    return (output + mirror(model(mirror(clips, flip_order)), flip_order)) / 2
