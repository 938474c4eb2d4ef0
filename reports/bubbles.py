"""Places of models in a plot of error against multiply-accumulates, as printed and with everything counted."""

from dataclasses import dataclass

import pandas as pd

from reports.measurements import EFFICIENCY_SCALE, pick
from studies.printed import Printed, parse_printed
from studies.types import Figure, Row, Table

METRICS = {
    "mpjpe": "MPJPE",
    "p_mpjpe": "P-MPJPE",
    "n_mpjpe": "N-MPJPE",
    "mpjve": "MPJVE",
    "pck3d": "PCK",
    "auc3d": "AUC",
}


@dataclass(frozen=True)
class Bubble:
    """A model: its label, MACs a frame in millions, printed error in mm, parameters in millions, whether we run it."""

    label: str
    macs: float
    error: float
    parameters: float
    ours: bool


def printed_bubbles(table: Table, figure: Figure) -> list[Bubble]:
    """Rows that print an error, MACs and parameters, in the columns that the figure names, at the printed places."""
    return [bubble for row in table.rows if (bubble := _printed_bubble(row, table, figure))]


def true_bubbles(table: Table, figure: Figure, measurements: pd.DataFrame) -> list[Bubble]:
    """Rows that are implemented here: printed error, true MACs and parameters as measured."""
    return [bubble for row in table.rows if (bubble := _true_bubble(row, table, figure, measurements))]


def _printed_bubble(row: Row, table: Table, figure: Figure) -> Bubble | None:
    cells = [_cell(row, table, column) for column in (figure.macs, figure.error, figure.size)]
    if not all(cells):
        return None
    macs, error, size = cells
    return Bubble(row.label, _millions(macs), error.value, _millions(size), bool(row.variant))


def _true_bubble(row: Row, table: Table, figure: Figure, measurements: pd.DataFrame) -> Bubble | None:
    error = _cell(row, table, figure.error)
    if not row.variant or not error:
        return None
    counts = pick(measurements, scale=EFFICIENCY_SCALE, variant=row.variant, convention="true")
    values = dict(zip(counts["metric"], counts["value"], strict=True))
    metric = table.column(figure.macs).metric
    if not {metric, "params"} <= values.keys():
        return None
    return Bubble(row.label, values[metric] / 1e6, error.value, values["params"] / 1e6, True)


def _cell(row: Row, table: Table, column_id: str) -> Printed | None:
    return parse_printed(row.cells.get(column_id, ""), table.column(column_id).unit)


def _millions(printed: Printed) -> float:
    return printed.value * printed.factor / 1e6
