"""What figures are drawn from, found by the names that the workflow gives to files."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from reports.measurements import Choice, pick
from studies.errors import InputError
from studies.plan import BASELINE_RECIPE, BASELINES


class NotDrawn(Exception):  # noqa: N818 (it is no error: the run was not asked for)
    """A figure's ingredient is not there; the message says which, and what would make it."""


@dataclass(frozen=True)
class Sources:
    """Everything that figures read.

    measurements  rows of measurements.csv (`reports.measurements.read_measurements`)
    choice        scale, dataset, detector, selection
    prepared      folder of prepared data sets, each with a folder a split
    orders        `scan_orders.npz`: a scan mode's name -> (4, T*17) token orders of its directions; `limb` (1, 17) and
                  `stride` (2, 17): for each joint the joints whose features are added to its own; a pair of video
                  scans -> (2, T*H*W), and their `video-grid` (T, H, W) and `video-window` (rows, columns)
    parts         `parts.csv`: a network's parameters and multiply-accumulates by part
    """

    measurements: pd.DataFrame
    choice: Choice
    prepared: Path = Path("data/prepared")
    orders: Path = Path("results/efficiency/scan_orders.npz")
    parts: Path = Path("results/efficiency/parts.csv")

    def runs(self, data: str, variant: str, recipe: str) -> list[Path]:
        """Folders of the measured runs of an experiment, by seed; empty where none was measured."""
        found = pick(self.measurements, scale=self.choice.scale, dataset=data, variant=variant, recipe=recipe)
        seeds = found[["seed", "run"]].drop_duplicates()
        return [Path(run) for run in seeds.sort_values("seed")["run"]]

    def run(self, data: str, variant: str, recipe: str) -> Path:
        """Folder of the run with the lowest seed. Raises NotDrawn where there is none."""
        runs = self.runs(data, variant, recipe)
        if not runs:
            raise NotDrawn(f"{variant} was not trained by recipe {recipe} on {data} (not selected in the config)")
        return runs[0]


def recipe_of(variant: str, recipe: str) -> str:
    """Baselines have a recipe of their own, whatever the figure says."""
    return BASELINE_RECIPE if variant in BASELINES else recipe


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Arrays of an npz file; nothing in it is unpickled. Raises NotDrawn if absent, InputError if unreadable."""
    if not path.is_file():
        raise NotDrawn(f"{path.name} is not there; `make figures` makes it")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and run `make figures`") from None


def read_array(path: Path, name: str) -> np.ndarray:
    """One array of an npz file. Raises InputError where the file lacks it."""
    arrays = read_arrays(path)
    if name not in arrays:
        raise InputError(f"{path}: has no array {name!r}; delete it and run `make figures`")
    return arrays[name]
