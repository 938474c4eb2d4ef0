"""From overlapping clips back to frames."""

import numpy as np

from base.errors import InputError


def average_windows(outputs: np.ndarray, indices: np.ndarray, n_frames: int) -> np.ndarray:
    """The mean prediction of each frame over all clips that contain it.

    outputs: (n_clips, T, J, 3), any unit; indices: (n_clips, T) row of each clip frame, 0 to n_frames - 1.
    Returns (n_frames, J, 3) float64 in the same unit; **frames in no clip are NaN**, so a metric refuses
    them until the caller leaves them out. A frame that a clip holds more than once (a short sequence
    stretched to T) counts once for that clip, with its last value, as in the released evaluation.
    Raises InputError if shapes disagree or an index is out of range.
    """
    outputs, indices = np.asarray(outputs), np.asarray(indices)
    if outputs.ndim != 4 or indices.shape != outputs.shape[:2]:
        raise InputError(
            f"clips of shape (n_clips, T, J, 3) and indices (n_clips, T) are needed, "
            f"got {outputs.shape} and {indices.shape}"
        )
    if indices.size and (indices.min() < 0 or indices.max() >= n_frames):
        raise InputError(f"frame indices must lie in 0 to {n_frames - 1}, got {indices.min()} to {indices.max()}")
    total = np.zeros((n_frames, *outputs.shape[2:]))
    count = np.zeros(n_frames)
    for clip, rows in zip(outputs, indices, strict=True):
        last = {int(row): t for t, row in enumerate(rows)}  # a repeated row keeps its last t
        total[list(last)] += clip[list(last.values())]
        count[list(last)] += 1
    with np.errstate(invalid="ignore"):  # 0 / 0 is the documented NaN
        return total / count[:, None, None]
