"""Writing a split of lifting data, for `datasets.lifting.load` to read."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from base.errors import InputError
from datasets.card import Card, Counts
from datasets.lifting import ARRAYS


@dataclass(frozen=True)
class CapturedSequence:
    """A take seen by a camera: T frames of one sequence.

    keypoints (T, 17, 3) px and confidence; joints (T, 17, 3); factor (T,); valid (T,) bool where not all frames are
    judged, or None; action: one name, or (T,) of them; size: width and height of the image in pixels; frame: (T,)
    numbers, or None where they count from 0; where: the raw file and what of it this is, for messages.
    """

    sequence: str
    subject: str
    action: str | np.ndarray
    camera: str
    size: tuple[int, int]
    keypoints: np.ndarray
    joints: np.ndarray
    factor: np.ndarray
    where: str = ""
    valid: np.ndarray | None = None
    frame: np.ndarray | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of a split, as files have them."""
        with np.errstate(over="ignore"):  # an infinity that this makes is refused
            return {name: np.ascontiguousarray(getattr(self, name), "<f4") for name in ARRAYS}

    def rows(self) -> pd.DataFrame:
        """A row a frame, with the columns of `datasets.lifting.COLUMNS`."""
        frame = np.arange(len(self.factor)) if self.frame is None else np.asarray(self.frame)
        rows = {
            "sequence": self.sequence,
            "frame": frame.astype(np.int32),
            "subject": self.subject,
            "action": self.action,
            "camera": self.camera,
            "width": np.int32(self.size[0]),
            "height": np.int32(self.size[1]),
        }
        return pd.DataFrame(rows | ({} if self.valid is None else {"valid": self.valid}))


def write_split(folder: Path, sequences: Iterable[CapturedSequence], card: Card) -> None:
    """Write one split into a new folder; counts are added to the card. The same input gives the same bytes."""
    writer = SplitWriter(folder)
    for sequence in sequences:
        writer.add(sequence)
    writer.close(card)


class SplitWriter:
    """Writes a split piece by piece, so that it need not fit into memory."""

    def __init__(self, folder: Path) -> None:
        """folder: a new one."""
        folder.mkdir(parents=True)
        self.folder, self.frames, self.sequences = folder, [], set()
        self.files = {name: (folder / f"{name}.npy").open("wb") for name in ARRAYS}
        self._write_headers(0)

    def add(self, sequence: CapturedSequence) -> None:
        """The next sequence. Raises InputError for whatever `load` would refuse, before anything of it is written."""
        for name, values in self._checked(sequence).items():
            # Written, not mapped: a full disk is then an error that can be told, and no dead process.
            self.files[name].write(values.tobytes())
        self.frames.append(sequence.rows())
        self.sequences.add(sequence.sequence)

    def _checked(self, sequence: CapturedSequence) -> dict[str, np.ndarray]:
        arrays, where, count = sequence.arrays(), sequence.where or str(self.folder), len(sequence.factor)
        for name, values in arrays.items():
            if values.shape != (count, *ARRAYS[name]):
                raise InputError(
                    f"{where}: {name} are {values.shape} for {count} frames; {(count, *ARRAYS[name])} is expected; get "
                    "the file again"
                )
            if (broken := ~np.isfinite(values).reshape(count, -1).all(1)).any():
                raise InputError(
                    f"{where}: {name} are NaN or infinite in frame {int(broken.argmax())}; get the file again, or take "
                    "this sequence out of it"
                )
        if not count:
            raise InputError(f"{where}: has no frames")
        if not (sequence.factor > 0).all():
            raise InputError(f"{where}: has {sequence.factor.min():g} mm per pixel, expected more than 0; get it again")
        if sequence.sequence in self.sequences:
            raise InputError(f"{where}: holds the sequence {sequence.sequence!r} twice; remove one")
        return arrays

    def close(self, card: Card) -> None:
        """Write what is left, last the card with its counts."""
        frames = pd.concat(self.frames, ignore_index=True)
        self._write_headers(len(frames))  # numpy leaves room in a header for any count
        for file in self.files.values():
            file.close()
        frames.to_parquet(self.folder / "frames.parquet", index=False)
        counts = Counts(len(frames), len(self.sequences), frames["subject"].nunique(), frames["action"].nunique())
        (self.folder / "card.json").write_text(replace(card, counts=counts).text(), encoding="utf-8")

    def _write_headers(self, count: int) -> None:
        for name, shape in ARRAYS.items():
            self.files[name].seek(0)
            header = {"descr": "<f4", "fortran_order": False, "shape": (count, *shape)}
            np.lib.format.write_array_header_1_0(self.files[name], header)
