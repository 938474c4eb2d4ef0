"""What `models.build` is given, checked at the door: types by the model's signature, ranges by an argument's name.

So a constructor sees whole positive sizes and rates below 1 only. What depends on several arguments or on one model (a
width that heads divide, a clip of an odd length) it checks itself.
"""

import inspect
import math
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from torch import nn

from base.errors import InputError

MOST = 2**20  # of any size: what is larger is a slip, and its products would overflow
LEAST = {"in_channels": 2, "global_blocks": 0, "local_blocks": 0}  # of sizes that do not start at 1


def checked_arguments(name: str, model: type[nn.Module], hyper: Mapping[str, object]) -> dict[str, object]:
    """Hyper-parameters for the constructor of a variant's model, NumPy's numbers as Python's.

    Raises InputError for one that the model does not know or lacks, and for a value of another type or out of range.
    """
    parameters = inspect.signature(model, eval_str=True).parameters
    for key in hyper:
        if key not in parameters:
            raise InputError(f"variant {name!r} has no hyper-parameter {key!r} (it has: {', '.join(parameters)})")
    if lacking := [k for k, p in parameters.items() if p.default is p.empty and k not in hyper]:
        raise InputError(f"variant {name!r} lacks its hyper-parameter {lacking[0]!r}: give it a value")
    return {key: _checked(f"variant {name!r}", key, value, parameters[key].annotation) for key, value in hyper.items()}


def _checked(where: str, key: str, value: object, annotation: object) -> object:
    """A value as its annotation says, of those four types that hyper-parameters have; others pass."""
    if annotation is int:
        least = LEAST.get(key, 1)
        if not isinstance(value, Integral) or isinstance(value, bool) or not least <= value <= MOST:
            raise InputError(f"{where}: {key}={value!r} is not a whole number from {least} to {MOST:,}")
        return int(value)
    if annotation is float:
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= value < 1 or math.isnan(value):
            raise InputError(f"{where}: {key}={value!r} is not a number of at least 0 and below 1")
        return float(value)
    if annotation is bool and not isinstance(value, (bool, np.bool_)):
        raise InputError(f"{where}: {key}={value!r} is neither True nor False")
    if annotation is str and not isinstance(value, str):
        raise InputError(f"{where}: {key}={value!r} is not text")
    return value


def check_heads(width: int, heads: int) -> None:
    """Raise InputError where `heads` do not divide the width."""
    if width % heads:
        raise InputError(f"heads={heads} do not divide width={width}: choose a divisor")
