"""What a run's `predictions.npz` holds: arrays named `<selection>/<judged>/<array>`, for lifting and video alike."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from base.errors import InputError
from base.files import read_arrays

if TYPE_CHECKING:
    import numpy as np

FILE = "predictions.npz"
JOINTS, SCORES = "joints", "scores"


@dataclass(frozen=True)
class Predicted:
    """Whose answers for what an array holds.

    selection : rule by which the epoch was chosen: last, best_val or best_test
    judged : split of lifting data (`test`, `new`); in video split and boxes (`val+gt-boxes`)
    """

    selection: str
    judged: str

    def key(self, array: str = JOINTS) -> str:
        """Name of an array: JOINTS, (N, J, 3) normalised or (N, J, 2) pixels; in video SCORES (N, J) as well."""
        return f"{self.selection}/{self.judged}/{array}"


def read_predictions(run: Path) -> "dict[Predicted, dict[str, np.ndarray]]":
    """Arrays of a run folder by whose answers they are and by name (JOINTS, SCORES).

    Raises InputError where the file is damaged, or names its arrays as runs of older versions did.
    """
    remedy = f"delete {run} and run `make` again"
    answers: dict[Predicted, dict[str, np.ndarray]] = {}
    for key, array in read_arrays(run / FILE, remedy).items():
        if key.count("/") != 2:
            raise InputError(f"{run / FILE}: names its arrays as older versions did ({key}); {remedy}")
        selection, judged, name = key.split("/")
        if name not in (JOINTS, SCORES):
            raise InputError(f"{run / FILE}: has an unknown array ({key}); {remedy}")
        answers.setdefault(Predicted(selection, judged), {})[name] = array
    if not answers:
        raise InputError(f"{run / FILE}: holds no array; {remedy}")
    return answers
