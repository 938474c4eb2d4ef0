"""Cutting sequences into clips of equal length, as row indices.

A clip never crosses from one sequence into the next. On Human3.6M a sequence shorter than a clip is stretched over an
even grid, so that each of its frames occurs at least once; the papers stretch it with unseeded random numbers, which
nobody can repeat. Source: MotionBERT's slicing, which PoseMamba and SasMamba inherit. The released loader of
MPI-INF-3DHP cuts otherwise (`tailed_clips`), and only its training set: it is tested by `centred_windows`.
"""

from collections.abc import Callable, Sequence

import numpy as np

from base.errors import InputError


def training_clips(lengths: Sequence[int], frames: int, stride: int) -> np.ndarray:
    """Clips whose starts lie `stride` frames apart; the tail of a sequence that fills no clip is dropped.

    lengths: frames of each sequence, in the order of the rows. Returns (n_clips, frames) int64 rows.
    Raises InputError unless frames and stride are at least 1 and every length is.
    """
    _at_least_one("stride", stride)
    return _clips(lengths, frames, lambda n: np.arange(0, n - frames + 1, stride))


def tiling_clips(lengths: Sequence[int], frames: int) -> np.ndarray:
    """Clips that cover every frame: end to end, the last one flush with the end of its sequence.

    Some frames are then covered twice; their predictions are to be averaged. Arguments and result as in
    training_clips.
    """

    def starts(n: int) -> np.ndarray:
        return np.unique(np.append(np.arange(0, n - frames + 1, frames), n - frames))

    return _clips(lengths, frames, starts)


def paper_clips(lengths: Sequence[int], frames: int) -> np.ndarray:
    """Clips as the papers evaluate them: end to end; the tail of each sequence is never scored."""
    return training_clips(lengths, frames, frames)


def tailed_clips(lengths: Sequence[int], frames: int, every: int) -> np.ndarray:
    """Clips that start at every `every`-th frame of a sequence; where fewer frames are left, they are stretched.

    Of n frames that are left, a clip holds those at floor(i * n / frames), i = 0 ... frames - 1. Arguments and result
    as in training_clips. Source: MotionAGFormer's loader of MPI-INF-3DHP's training set, which SasMamba inherits.
    """
    _at_least_one("every", every)

    def cut(n: int) -> np.ndarray:
        starts = np.arange(0, n, every)[:, None]
        return starts + np.arange(frames) * np.minimum(frames, n - starts) // frames

    return _joined(lengths, frames, cut)


def centred_windows(lengths: Sequence[int], frames: int, rows: np.ndarray) -> np.ndarray:
    """A window of `frames` frames around each of some rows; beyond the ends of a sequence its end frame is repeated.

    rows: (M,) int64 of the frames in the middle, place `frames // 2` of a window. Returns (M, frames) int64 rows.
    Source: how MPI-INF-3DHP is evaluated, one frame at a time.
    """
    _at_least_one("frames", frames)
    stops = np.cumsum(lengths)
    which = np.searchsorted(stops, rows, side="right")
    first, last = (stops - lengths)[which], stops[which] - 1
    return np.clip(rows[:, None] + np.arange(frames) - frames // 2, first[:, None], last[:, None])


def _clips(lengths: Sequence[int], frames: int, starts: Callable[[int], np.ndarray]) -> np.ndarray:
    def cut(n: int) -> np.ndarray:
        return starts(n)[:, None] + np.arange(frames) if n >= frames else _stretched(n, frames)[None]

    return _joined(lengths, frames, cut)


def _joined(lengths: Sequence[int], frames: int, cut: Callable[[int], np.ndarray]) -> np.ndarray:
    """The clips that `cut` makes of each sequence's frames, counted from 0, as rows of all sequences."""
    _at_least_one("frames", frames)
    offset, clips = 0, [np.empty((0, frames), np.int64)]
    for n in lengths:
        _at_least_one("length of a sequence", n)
        clips.append(offset + cut(n))  # (clips of this sequence, frames)
        offset += n
    return np.concatenate(clips)


def _stretched(n: int, frames: int) -> np.ndarray:
    """(frames,) indices from 0 to n - 1, as even as integers allow. Whole numbers only: the same everywhere."""
    steps = frames - 1
    return (2 * np.arange(frames) * (n - 1) + steps) // (2 * steps)


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise InputError(f"{name} must be at least 1, got {value}")
