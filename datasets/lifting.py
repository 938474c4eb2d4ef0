"""The contract of lifting data: a folder a split, arrays that are memory-mapped, and a card.

`keypoints.npy` (N, 17, 3) float32: x, y in pixels and confidence; `joints.npy` (N, 17, 3) float32, millimetres
in the space that the card names; `factor.npy` (N,) float32, mm per pixel; `frames.parquet`: one row a frame, in
the same order; `card.json`: where it comes from and how much of it there is.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.skeletons import JOINTS
from studies.errors import InputError

COLUMNS = ("sequence", "frame", "subject", "action", "camera", "width", "height")
SPACE = "image-2.5d"
ROWS_AT_ONCE = 65536  # rows looked through for NaN at a time
REMEDY = "delete its folder and prepare the data set again"


@dataclass(frozen=True)
class Split:
    """One split. keypoints (N, 17, 3), joints (N, 17, 3) mm and factor (N,) are read-only memory maps, float32.

    frames: one row a frame with the columns of COLUMNS; a sequence (one take seen by one camera) is contiguous.
    """

    keypoints: np.ndarray
    joints: np.ndarray
    factor: np.ndarray
    frames: pd.DataFrame
    card: dict

    def sequences(self) -> list[tuple[int, int]]:
        """First row and the row after the last of each sequence."""
        return sequence_bounds(self.frames["sequence"].to_numpy())


def sequence_bounds(sequence: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of each run of equal names in (N,)."""
    if not len(sequence):
        return []
    edges = [0, *(np.flatnonzero(sequence[1:] != sequence[:-1]) + 1).tolist(), len(sequence)]
    return list(pairwise(edges))


def write_split(folder: Path, keypoints: np.ndarray, joints: np.ndarray, factor: np.ndarray, frames: pd.DataFrame,
                card: dict) -> None:  # fmt: skip
    """Write one split into a new folder; counts are added to the card. The same input gives the same bytes."""
    folder.mkdir(parents=True)
    for name, values in {"keypoints": keypoints, "joints": joints, "factor": factor}.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(values, np.float32), allow_pickle=False)
    frames.to_parquet(folder / "frames.parquet", index=False)
    counts = {
        "frames": len(frames),
        "sequences": len(sequence_bounds(frames["sequence"].to_numpy())),
        "subjects": frames["subject"].nunique(),
        "actions": frames["action"].nunique(),
    }
    text = json.dumps(card | {"counts": counts}, indent=2, ensure_ascii=False)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")


def load(folder: str | Path) -> Split:
    """Open one split (`<prepared>/train`, ...) and check it against the contract and its card.

    Raises InputError naming the file and the remedy: absent or truncated file, wrong shape or joint count, NaN,
    a factor that is not positive, counts that differ from the card's, a sequence in two pieces.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; prepare the data set first")
    card = _read(folder / "card.json", lambda path: json.loads(path.read_text(encoding="utf-8")))
    n = _count(folder / "card.json", card)
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
    if not names == len(split.sequences()) == card["counts"]["sequences"]:
        raise InputError(
            f"{folder / 'frames.parquet'}: holds {names} sequences in {len(split.sequences())} pieces, the card says "
            f"{card['counts']['sequences']}; {REMEDY}"
        )
    return split


def _read(path: Path, read: Callable):
    """Read a file; whatever goes wrong becomes one line with the file's name."""
    try:
        return read(path)
    except FileNotFoundError:
        raise InputError(f"{path}: is missing; {REMEDY}") from None
    except (OSError, ValueError, EOFError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: damaged or unreadable ({reason}); {REMEDY}") from None


def _count(path: Path, card: object) -> int:
    counts = card.get("counts") if isinstance(card, dict) else None
    if not isinstance(counts, dict) or not all(isinstance(counts.get(k), int) for k in ("frames", "sequences")):
        raise InputError(f"{path}: lacks counts of frames and sequences; {REMEDY}")
    if counts["frames"] < 1:
        raise InputError(f"{path}: says that the split is empty; {REMEDY}")
    return counts["frames"]


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
