"""Scan orders: in which order the tokens of a clip are visited.

A clip is a grid of T frames and J joints; the token of joint j in frame t has the flat index t * J + j. An order is a
permutation: its entry l is the token visited at step l.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from studies.errors import InputError
from studies.reading import nearest

ORDERS = (
    "spatial",  # joints within a frame, frame after frame
    "temporal",  # frames of a joint, joint after joint
    "spatial-reversed",  # the whole sequence from its end
    "temporal-reversed",
    "spatial-backward",  # joints from the last to the first within a frame, frames still ascending
    "temporal-backward",  # frames from the last to the first of a joint, joints still ascending
)

# PoseMamba's scan modes: the orders of its four directions, of which 0 and 2 are the spatial ones. The published mode,
# global-local, walks as bidirectional does, and adds a neighbour to what directions 0 and 2 read (LIMB_NEIGHBOURS).
BIDIRECTIONAL = ("spatial", "temporal", "spatial-reversed", "temporal-reversed")
SCAN_MODES: dict[str, tuple[str, str, str, str]] = {
    "global-local": BIDIRECTIONAL,
    "bidirectional": BIDIRECTIONAL,
    "fs-ft": ("spatial", "temporal", "spatial", "temporal"),
    "fs-bt": ("spatial", "temporal-backward", "spatial", "temporal-backward"),
    "bs-ft": ("spatial-backward", "temporal", "spatial-backward", "temporal"),
    "bs-bt": ("spatial-backward", "temporal-backward", "spatial-backward", "temporal-backward"),
}

# PoseMamba's limb scan: the joint whose feature is added at each of the 17 positions. It is the limb order
# 0 | 0 1 2 3 | 0 4 5 6 | 8 11 12 13 | 8 14 15 16 laid over the positions, as the published code does.
LIMB_NEIGHBOURS = (0, 0, 1, 2, 3, 0, 4, 5, 6, 8, 11, 12, 13, 8, 14, 15, 16)


def stride_neighbours(joints: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """SasMamba's stride scan: joints whose features are added at each position, first of its pair and of its triple."""
    return tuple(2 * (j // 2) for j in range(joints)), tuple(3 * (j // 3) for j in range(joints))


def scan_order(name: str, frames: int, joints: int) -> Tensor:
    """The order of that name over a grid: (T * J,) int64, a permutation. Raises InputError for an unknown name."""
    grid = torch.arange(frames * joints).view(frames, joints)
    if name not in ORDERS:
        raise InputError(f"unknown scan order {name!r}{nearest(name, ORDERS)}")
    if name.endswith("-backward"):
        grid = grid.flip(1 if name.startswith("spatial") else 0)
    order = grid.flatten() if name.startswith("spatial") else grid.T.flatten()
    return order.flip(0) if name.endswith("-reversed") else order


def inverse(order: Tensor) -> Tensor:
    """Step at which each token is visited: inverse(order)[order[l]] == l."""
    return torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))


@cache
def mode_orders(mode: str, frames: int, joints: int, device: torch.device | None = None) -> Tensor:
    """Orders (4, T * J) int64 of a scan mode's directions, kept for the next call: treat them as read-only.

    Raises InputError for an unknown mode.
    """
    if mode not in SCAN_MODES:
        raise InputError(f"unknown scan mode {mode!r}{nearest(mode, SCAN_MODES)}")
    # Neither a default device `meta` nor inference mode, whose tensors autograd refuses, may leak into what is kept.
    with torch.device("cpu"), torch.inference_mode(False):
        orders = torch.stack([scan_order(name, frames, joints) for name in SCAN_MODES[mode]])
        return orders.to(device) if device else orders


def drawn_orders(frames: int = 5, joints: int = 17) -> dict[str, np.ndarray]:
    """What a figure of the scans needs: orders (4, T * J) by mode, and the gathers `limb` (1, J), `stride` (2, J)."""
    orders = {mode: mode_orders(mode, frames, joints).numpy() for mode in SCAN_MODES}
    return orders | {"limb": np.array([LIMB_NEIGHBOURS]), "stride": np.array(stride_neighbours(joints))}
