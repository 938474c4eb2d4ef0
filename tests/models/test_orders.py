"""Scan orders: named, bijective, and as PoseMamba's code walks them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from models.ssm.orders import (
    LIMB_NEIGHBOURS,
    ORDERS,
    SCAN_MODES,
    inverse,
    mode_orders,
    scan_order,
    stride_neighbours,
)

# Walks over two frames of three joints, (frame, joint) by (frame, joint).
WALKS = {
    "spatial": [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)],
    "temporal": [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)],
    "spatial-reversed": [(1, 2), (1, 1), (1, 0), (0, 2), (0, 1), (0, 0)],
    "temporal-reversed": [(1, 2), (0, 2), (1, 1), (0, 1), (1, 0), (0, 0)],
    "spatial-backward": [(0, 2), (0, 1), (0, 0), (1, 2), (1, 1), (1, 0)],
    "temporal-backward": [(1, 0), (0, 0), (1, 1), (0, 1), (1, 2), (0, 2)],
}


@pytest.mark.parametrize("name", ORDERS)
def test_walk(name):
    assert [divmod(token, 3) for token in scan_order(name, 2, 3).tolist()] == WALKS[name]


@given(st.sampled_from(ORDERS), st.integers(1, 12), st.integers(1, 20))
def test_an_order_is_a_permutation_and_has_an_inverse(name, frames, joints):
    order = scan_order(name, frames, joints)
    steps = torch.arange(frames * joints)
    assert order.dtype == torch.int64
    assert torch.equal(order.sort().values, steps)
    assert torch.equal(order[inverse(order)], steps)
    assert torch.equal(inverse(order)[order], steps)


@pytest.mark.parametrize("mode", SCAN_MODES)
def test_a_mode_stacks_its_four_orders(mode):
    assert torch.equal(mode_orders(mode, 3, 5), torch.stack([scan_order(n, 3, 5) for n in SCAN_MODES[mode]]))
    assert mode_orders(mode, 3, 5) is mode_orders(mode, 3, 5)


def test_kept_orders_are_real_and_trainable_whoever_asks_first():
    with torch.device("meta"), torch.inference_mode():
        orders = mode_orders("fs-ft", 2, 7)
    assert orders.device.type == "cpu"
    assert not orders.is_inference()


def test_unidirectional_modes_walk_one_way_twice():
    for mode in ("fs-ft", "fs-bt", "bs-ft", "bs-bt"):
        assert SCAN_MODES[mode][:2] == SCAN_MODES[mode][2:]
    assert SCAN_MODES["bs-ft"][:2] == ("spatial-backward", "temporal")


def test_neighbours_as_released():
    limbs = [0, 0, 1, 2, 3, 0, 4, 5, 6, 8, 11, 12, 13, 8, 14, 15, 16]
    pairs = [0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14, 16]
    triples = [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9, 12, 12, 12, 15, 15]
    assert list(LIMB_NEIGHBOURS) == limbs
    assert [list(x) for x in stride_neighbours(17)] == [pairs, triples]


def test_unknown_names():
    with pytest.raises(InputError, match="unknown scan order 'spacial'; did you mean 'spatial'"):
        scan_order("spacial", 2, 3)
    with pytest.raises(InputError, match="unknown scan mode 'fsft'; did you mean 'fs-ft'"):
        mode_orders("fsft", 2, 3)
