"""Writing a split of lifting data, for `datasets.lifting.load` to read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from base.errors import InputError
from datasets.card import Card, Counts
from datasets.lifting import ARRAYS, COLUMNS, sequence_bounds


def write_split(folder: Path, keypoints: np.ndarray, joints: np.ndarray, factor: np.ndarray, frames: pd.DataFrame,
                card: Card) -> None:  # fmt: skip
    """Write one split into a new folder; counts are added to the card. The same input gives the same bytes."""
    writer = SplitWriter(folder)
    writer.add(keypoints, joints, factor, frames)
    writer.close(card)


class SplitWriter:
    """Writes a split piece by piece, so that it need not fit into memory."""

    def __init__(self, folder: Path) -> None:
        """folder: a new one."""
        folder.mkdir(parents=True)
        self.folder, self.frames, self.sequences = folder, [], set()
        self.files = {name: (folder / f"{name}.npy").open("wb") for name in ARRAYS}
        self._write_headers(0)

    def add(
        self, keypoints: np.ndarray, joints: np.ndarray, factor: np.ndarray, frames: pd.DataFrame, where: str = ""
    ) -> None:
        """The next frames, as `Split` has them, of whole sequences. where: the raw file that they were made of.

        Raises InputError, beginning with `where`, for whatever `load` would refuse, before anything of it is written.
        """
        arrays = {"keypoints": keypoints, "joints": joints, "factor": factor}
        with np.errstate(over="ignore"):  # an infinity that this makes is refused
            arrays = {name: np.ascontiguousarray(values, "<f4") for name, values in arrays.items()}
        self._check(arrays, frames, where or str(self.folder))
        for name, values in arrays.items():
            # Written, not mapped: a full disk is then an error that can be told, and no dead process.
            self.files[name].write(values.tobytes())
        self.frames.append(frames)

    def _check(self, arrays: dict[str, np.ndarray], frames: pd.DataFrame, where: str) -> None:
        for name, values in arrays.items():
            if values.shape != (len(frames), *ARRAYS[name]):
                raise InputError(
                    f"{where}: {name} are {values.shape} for {len(frames)} frames; {(len(frames), *ARRAYS[name])} is "
                    "wanted; get the file again"
                )
            if (broken := ~np.isfinite(values).reshape(len(values), -1).all(1)).any():
                raise InputError(
                    f"{where}: {name} are NaN or infinite in frame {int(broken.argmax())}; get the file again, or take "
                    "this sequence out of it"
                )
        if not (arrays["factor"] > 0).all():
            raise InputError(f"{where}: has {arrays['factor'].min():g} mm a pixel; more than 0 is wanted; get it again")
        if not len(frames) or (missing := [column for column in COLUMNS if column not in frames]):
            raise InputError(f"{where}: has no frames, or frames without {', '.join(missing or COLUMNS)}")
        names = [frames["sequence"].iloc[start] for start, _ in sequence_bounds(frames["sequence"].to_numpy())]
        if twice := [name for i, name in enumerate(names) if name in self.sequences or name in names[:i]]:
            raise InputError(f"{where}: holds the sequence {twice[0]!r} twice; take one of them out")
        self.sequences.update(names)

    def close(self, card: Card) -> None:
        """Write what is left, last the card with its counts."""
        frames = pd.concat(self.frames, ignore_index=True)
        self._write_headers(len(frames))  # numpy leaves room in a header for any count
        for file in self.files.values():
            file.close()
        frames.to_parquet(self.folder / "frames.parquet", index=False)
        sequences = len(sequence_bounds(frames["sequence"].to_numpy()))
        counts = Counts(len(frames), sequences, frames["subject"].nunique(), frames["action"].nunique())
        (self.folder / "card.json").write_text(replace(card, counts=counts).text(), encoding="utf-8")

    def _write_headers(self, count: int) -> None:
        for name, shape in ARRAYS.items():
            self.files[name].seek(0)
            header = {"descr": "<f4", "fortran_order": False, "shape": (count, *shape)}
            np.lib.format.write_array_header_1_0(self.files[name], header)
