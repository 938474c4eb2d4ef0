"""What figures are drawn from, found by the names that the workflow gives to files."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reports.arrays import NotThere, read_array, read_arrays
from reports.measurements import Choice, pick
from reports.tables.cell import Cell, of_table
from studies.places import PARTS, PREPARED_DATA, SCAN_ORDERS
from studies.plan import BASELINES
from studies.recipes import BASELINE_RECIPE
from studies.types import Study

__all__ = ["NotDrawn", "Sources", "read_array", "read_arrays", "recipe_of"]
NotDrawn = NotThere  # a figure's ingredient


@dataclass(frozen=True)
class Sources:
    """Everything that figures read.

    measurements  rows of measurements.csv (`reports.measurements.read_measurements`)
    cells         of cells.csv (`reports.tables.cell.read_cells`)
    choice        scale, dataset, detector, selection of what was trained here, and whose records stand in for it
    prepared      folder of prepared data sets, each with a folder a split
    orders        `scan_orders.npz`: a scan mode's name -> (4, T*17) token orders of its directions; `limb` (1, 17) and
                  `stride` (2, 17): for each joint the joints whose features are added to its own; a pair of video
                  scans -> (2, T*H*W), and their `video-grid` (T, H, W) and `video-window` (rows, columns)
    parts         `parts.csv`: a network's parameters and multiply-accumulates by part
    """

    measurements: pd.DataFrame
    cells: tuple[Cell, ...]
    choice: Choice
    prepared: Path = Path(PREPARED_DATA)
    orders: Path = Path(SCAN_ORDERS)
    parts: Path = Path(PARTS)

    def of_table(self, study: Study, table_id: str) -> tuple[Cell, ...]:
        """Cells of a table."""
        return of_table(self.cells, study.name, table_id)

    def runs(self, choice: Choice, data: str, variant: str, recipe: str) -> list[Path]:
        """Folders of the measured runs of an experiment at a choice's scale, by seed; empty where none was measured."""
        found = pick(self.measurements, scale=choice.scale, dataset=data, variant=variant, recipe=recipe)
        seeds = found[["seed", "run"]].drop_duplicates()
        return [Path(run) for run in seeds.sort_values("seed")["run"]]

    def run(self, data: str, variant: str, recipe: str) -> Path:
        """Folder of the run with the lowest seed that was trained here. Raises NotDrawn where there is none."""
        runs = self.runs(self.choice, data, variant, recipe)
        if not runs:
            raise NotDrawn(f"{variant} was not trained by recipe {recipe} on {data} (not selected in the config)")
        return runs[0]


def recipe_of(variant: str, recipe: str) -> str:
    """Baselines have a recipe of their own, whatever the figure says."""
    return BASELINE_RECIPE if variant in BASELINES else recipe
