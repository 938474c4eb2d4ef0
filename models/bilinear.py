"""Bilinear interpolation in a grid, as indices and weights: deformable convolutions share it."""

import torch
from torch import Tensor


def corners(rows: Tensor, columns: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Flat indices and bilinear weights (..., 4) of the cells of an (height, width) grid around coordinates (...).

    A cell outside the grid has the weight 0. The weights are differentiable in the coordinates; on a cell, where they
    have a kink, the derivative is the one towards larger coordinates.
    """
    indices, weights = [], []
    with torch.no_grad():
        low_rows, low_columns = rows.floor(), columns.floor()
    down, right = rows - low_rows, columns - low_columns
    for step, row_weight in enumerate((1 - down, down)):
        for side, column_weight in enumerate((1 - right, right)):
            row, column = low_rows + step, low_columns + side
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            # Diverged training has no position: read any cell, the weight is NaN and says so.
            indices.append(index.nan_to_num(0).long())
            weights.append(row_weight * column_weight * inside)
    return torch.stack(indices, -1), torch.stack(weights, -1)
