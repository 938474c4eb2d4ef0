"""Places of models in a plot of error against multiply-accumulates, as printed and with everything counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.tables.cell import Cell
from studies.types import Figure, Row, Table

MILLION = 1e6
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


def printed_bubbles(table: Table, figure: Figure, cells: Sequence[Cell]) -> list[Bubble]:
    """Rows that print an error, MACs and parameters, in the columns that the figure names, at the printed places."""
    bubbles = []
    for row, macs, error, size in _rows(table, figure, cells):
        if macs.printed_base is not None and error.printed_value is not None and size.printed_base is not None:
            place = (macs.printed_base / MILLION, error.printed_value, size.printed_base / MILLION)
            bubbles.append(Bubble(row.label, *place, bool(row.variant)))
    return bubbles


def true_bubbles(table: Table, figure: Figure, cells: Sequence[Cell]) -> list[Bubble]:
    """Rows that are implemented here: printed error, true MACs and parameters as measured."""
    bubbles = []
    for row, macs, error, size in _rows(table, figure, cells):
        if row.variant and error.printed_value is not None and None not in (macs.true_base, size.true_base):
            place = (macs.true_base / MILLION, error.printed_value, size.true_base / MILLION)
            bubbles.append(Bubble(row.label, *place, True))
    return bubbles


def _rows(table: Table, figure: Figure, cells: Sequence[Cell]) -> Iterator[tuple[Row, Cell, Cell, Cell]]:
    """The rows of a figure's table with their cells of MACs, error and parameters."""
    at = {(cell.row, cell.column): cell for cell in cells}
    for row in table.rows:
        yield row, *(at[row.id, column] for column in (figure.macs, figure.error, figure.size))
