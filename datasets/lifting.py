"""The contract of lifting data: a folder a split, arrays that are memory-mapped, and a card.

`keypoints.npy` (N, 17, 3) float32: x, y in pixels and confidence; `joints.npy` (N, 17, 3) float32, millimetres
in the space that the card names; `factor.npy` (N,) float32, mm per pixel; `frames.parquet`: one row a frame, in
the same order; `card.json`: where it comes from, how much of it there is, and what it is judged by (`datasets.card`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from base.errors import InputError
from base.reading import nearest
from datasets.card import Card, Counts
from datasets.clips import centred_windows, paper_clips, tailed_clips, tiling_clips, training_clips
from datasets.skeletons import JOINTS, SKELETONS, Skeleton

COLUMNS = ("sequence", "frame", "subject", "action", "camera", "width", "height")
SPACE = "image-2.5d"
ROWS_AT_ONCE = 65536  # rows looked through for NaN at a time
REMEDY = "delete its folder and prepare the data set again"
# How a network looks at a split that it is judged by: clips that cover all frames; the papers' clips, end to end, which
# leave the tail of each sequence out; a window around each frame whose column `valid` is true.
WINDOWS = ("tiling", "paper", "centred")
ARRAYS = {"keypoints": (len(JOINTS), 3), "joints": (len(JOINTS), 3), "factor": ()}  # shape of a frame


@dataclass(frozen=True)
class Split:
    """One split. keypoints (N, 17, 3), joints (N, 17, 3) mm and factor (N,) are read-only memory maps, float32.

    frames: one row a frame with the columns of COLUMNS; a sequence (one take seen by one camera) is contiguous.
    """

    keypoints: np.ndarray
    joints: np.ndarray
    factor: np.ndarray
    frames: pd.DataFrame
    card: Card

    @property
    def sequence(self) -> np.ndarray:
        """(N,) names."""
        return self.frames["sequence"].to_numpy()

    @property
    def action(self) -> np.ndarray:
        """(N,) names."""
        return self.frames["action"].to_numpy()

    @property
    def width(self) -> np.ndarray:
        """(N,) pixels of the image."""
        return self.frames["width"].to_numpy()

    @property
    def height(self) -> np.ndarray:
        """(N,) pixels of the image."""
        return self.frames["height"].to_numpy()

    def sequences(self) -> list[tuple[int, int]]:
        """First row and the row after the last of each sequence."""
        return sequence_bounds(self.sequence)

    def lengths(self) -> list[int]:
        """Frames of each sequence."""
        return [stop - start for start, stop in self.sequences()]

    @property
    def skeleton(self) -> Skeleton:
        """Root and mirror image of its joints."""
        return SKELETONS[self.card.joints]

    @property
    def protocol(self) -> str:
        """Whose protocol judges it."""
        return self.card.protocol or "human36m"

    def training_clips(self, frames: int, stride: Fraction) -> np.ndarray:
        """Rows (M, frames) of the clips to train on, their starts `stride` clip lengths apart.

        A card may say otherwise (`training_clips`): one at every so many frames, short tails stretched to a clip.
        """
        if self.card.training_clips:
            return tailed_clips(self.lengths(), frames, self.card.training_clips.every)
        return training_clips(self.lengths(), frames, max(1, round(frames * stride)))

    def windows(self, frames: int, one_by_one: bool = False) -> np.ndarray:
        """Rows (M, frames) that a network of `frames` frames looks at to be judged (WINDOWS).

        one_by_one : a window around each frame that is judged, for networks that answer for the middle frame alone
        """
        if self.centred():
            return centred_windows(self.lengths(), frames, np.flatnonzero(self.frames["valid"]))
        if one_by_one:
            rows = self.judged(frames)[0]
            return centred_windows(self.lengths(), frames, np.arange(len(self.frames))[rows])
        return (tiling_clips if self._tiled() else paper_clips)(self.lengths(), frames)

    def centred(self) -> bool:
        """Whether only the middle frame of a window counts."""
        return self.card.windows == "centred"

    def _tiled(self) -> bool:
        """Whether clips cover all frames."""
        return self.card.windows in (None, "tiling")

    def judged(self, frames: int) -> "tuple[np.ndarray | slice, Split]":
        """Numbers of the rows that networks of `frames` frames are judged by, rising, and these rows."""
        if self._tiled():
            return slice(None), self
        windows = self.windows(frames)
        rows = np.unique(windows[:, frames // 2] if self.centred() else windows)
        return rows, self.take(rows)

    def take(self, rows: np.ndarray) -> "Split":
        """Some of its rows."""
        arrays = (array[rows] for array in (self.keypoints, self.joints, self.factor))
        return Split(*arrays, self.frames.iloc[rows].reset_index(drop=True), self.card)


def sequence_bounds(sequence: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of each run of equal names in (N,)."""
    if not len(sequence):
        return []
    edges = [0, *(np.flatnonzero(sequence[1:] != sequence[:-1]) + 1).tolist(), len(sequence)]
    return list(pairwise(edges))


def load(folder: str | Path) -> Split:
    """Open one split (`<prepared>/train`, ...) and check it against the contract and its card.

    Raises InputError naming the file and the remedy: absent or truncated file, wrong shape or joint count, NaN,
    a factor that is not positive, counts that differ from the card's, a sequence in two pieces.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; prepare the data set first")
    card = _read(folder / "card.json", lambda path: Card.parse(path.read_text(encoding="utf-8")))
    n = _count(folder / "card.json", card.counts)
    _check_words(folder / "card.json", card)
    split = Split(
        keypoints=_array(folder / "keypoints.npy", (n, len(JOINTS), 3)),
        joints=_array(folder / "joints.npy", (n, len(JOINTS), 3)),
        factor=_array(folder / "factor.npy", (n,)),
        frames=_frames(folder / "frames.parquet", n),
        card=card,
    )
    if not (split.factor > 0).all():
        raise InputError(f"{folder / 'factor.npy'}: has factors that are not positive; {REMEDY}")
    names = split.frames["sequence"].nunique()
    if not names == len(split.sequences()) == card.counts.sequences:
        raise InputError(
            f"{folder / 'frames.parquet'}: holds {names} sequences in {len(split.sequences())} pieces, the card says "
            f"{card.counts.sequences}; {REMEDY}"
        )
    return split


def _read(path: Path, read: Callable):
    """Read a file; whatever goes wrong becomes one line with the file's name."""
    try:
        return read(path)
    except FileNotFoundError:
        raise InputError(f"{path}: is missing; {REMEDY}") from None
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: damaged or unreadable ({reason}); {REMEDY}") from None


def _count(path: Path, counts: Counts | None) -> int:
    if counts is None or not (isinstance(counts.frames, int) and isinstance(counts.sequences, int)):
        raise InputError(f"{path}: lacks counts of frames and sequences; {REMEDY}")
    if counts.frames < 1:
        raise InputError(f"{path}: says that the split is empty; {REMEDY}")
    return counts.frames


def _check_words(path: Path, card: Card) -> None:
    """Raise InputError for a card's word that names nothing."""
    words = {"joints": (card.joints, (None, *SKELETONS)), "windows": (card.windows, (None, *WINDOWS))}
    for key, (word, known) in words.items():
        if not (word is None or isinstance(word, str)) or word not in known:
            raise InputError(f"{path}: {key} is {word!r}{nearest(word, [k for k in known if k])}; {REMEDY}")
    clips = card.training_clips
    if clips and (not isinstance(clips.every, int) or clips.every < 1):
        raise InputError(f"{path}: training_clips.every is {clips.every!r}, expected a whole number from 1; {REMEDY}")


def _array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Memory map of a float32 array, without NaN or infinity."""
    array = _read(path, lambda p: np.load(p, mmap_mode="r", allow_pickle=False))
    if array.shape != shape or array.dtype != np.float32:
        raise InputError(f"{path}: holds {array.dtype} {array.shape}, expected float32 {shape}; {REMEDY}")
    for start in range(0, len(array), ROWS_AT_ONCE):
        broken = ~np.isfinite(array[start : start + ROWS_AT_ONCE]).reshape(
            len(array[start : start + ROWS_AT_ONCE]), -1
        ).all(1)
        if broken.any():
            raise InputError(f"{path}: NaN or infinite in row {start + int(broken.argmax())}; {REMEDY}")
    return array


def _frames(path: Path, n: int) -> pd.DataFrame:
    frames = _read(path, pd.read_parquet)
    missing = [column for column in COLUMNS if column not in frames]
    if missing:
        raise InputError(f"{path}: lacks the column {missing[0]!r}; {REMEDY}")
    if len(frames) != n:
        raise InputError(f"{path}: has {len(frames)} rows, the card says {n}; {REMEDY}")
    return frames
