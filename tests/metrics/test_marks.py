"""Marks of rows: only what says yes or no is taken for one, in every metric."""

import numpy as np
import pytest

from base.errors import InputError
from metrics.keypoints import pck, predicted
from metrics.marks import marks


@pytest.mark.parametrize("values", [[True, False], [1, 0], np.array([1.0, 0.0]), np.array([1, 0], np.uint8)])
def test_yes_and_no_come_in_several_types(values: object) -> None:
    found = marks("valid", values)
    assert found.dtype == bool
    assert found.tolist() == [True, False]


@pytest.mark.parametrize("values", [[1, np.nan], [np.inf, 0], [0, 2], ["True", "False"], [None, 1]])
def test_anything_else_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="valid must be 0 or 1"):
        marks("valid", values)


def test_a_joint_that_is_perhaps_there_is_refused() -> None:
    poses, maybe = np.zeros((1, 15, 2)), np.full((1, 15), np.nan)
    with pytest.raises(InputError, match="present must be 0 or 1"):
        pck(poses, poses, np.array([100.0]), present=maybe)
    with pytest.raises(InputError, match="present must be 0 or 1"):
        predicted(np.array([0]), poses, np.ones((1, 15)), maybe)
