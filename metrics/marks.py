"""Columns that say yes or no of each row, as booleans."""

import numpy as np

from base.errors import InputError


def marks(name: str, values: np.ndarray) -> np.ndarray:
    """Booleans of True and False, or 1 and 0, in the same shape.

    Raises InputError for everything else: numpy takes NaN, 2 and any text for true.
    """
    values = np.asarray(values)
    if values.dtype == bool or not values.size:
        return values.astype(bool)
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        strange = [value for value in values.ravel().tolist() if value not in (0, 1)]
        raise InputError(f"{name} must be 0 or 1 (False or True), got {(strange or values.ravel().tolist())[0]!r}")
    return values == 1
