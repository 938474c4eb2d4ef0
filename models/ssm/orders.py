"""Scan orders: in which order the tokens of a clip are visited.

An order is a permutation: its entry l is the token visited at step l. A clip of poses is a grid of T frames and J
joints; the token of joint j in frame t has the flat index t * J + j. A video is a grid of T frames of H x W cells; the
token of cell (h, w) in frame t has the flat index (t * H + h) * W + w.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from base.errors import InputError
from base.reading import nearest

ORDERS = (
    "spatial",  # joints within a frame, frame after frame
    "temporal",  # frames of a joint, joint after joint
    "spatial-reversed",  # the whole sequence from its end
    "temporal-reversed",
    "spatial-backward",  # joints from the last to the first within a frame, frames still ascending
    "temporal-backward",  # frames from the last to the first of a joint, joints still ascending
)

# PoseMamba's scan modes: the orders of its four directions, of which 0 and 2 are the spatial ones. The released mode,
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

# STAMPose's two directions along time: joint after joint in both.
ALONG_TIME = ("temporal", "temporal-backward")

# PoseMamba's limb scan: the joint whose feature is added at each of the 17 positions. It is the limb order
# 0 | 0 1 2 3 | 0 4 5 6 | 8 11 12 13 | 8 14 15 16 laid over the positions, as the released code does.
LIMB_NEIGHBOURS = (0, 0, 1, 2, 3, 0, 4, 5, 6, 8, 11, 12, 13, 8, 14, 15, 16)


# Orders over a video: axes of the grid (0 frames, 1 rows, 2 columns) from the slowest to the fastest. The panorama is
# made of the frames side by side. Each order, and `windows` (see `video_order`), has a `-reversed` one.
VIDEO_AXES = {
    "panorama-rows": (1, 0, 2),  # a row runs through all frames
    "panorama-columns": (0, 2, 1),
    "frames": (0, 1, 2),  # frame after frame, row by row
    "pixels": (1, 2, 0),  # pixel after pixel, all instants of it in a row
}
FORWARD = (*VIDEO_AXES, "windows")
VIDEO_ORDERS = (*FORWARD, *(f"{name}-reversed" for name in FORWARD))

# Pairs of directions. The first four make GLSMamba's six-way scan: paths (1, 4), read with columns or strictly
# bidirectional, (2, 5) and (3, 6); `windowed` is its local one. VideoMamba has the frames' pair alone.
VIDEO_PAIRS: dict[str, tuple[str, str]] = {
    "unified": ("panorama-rows", "panorama-columns"),
    "unified-reverse": ("panorama-rows", "panorama-rows-reversed"),
    "spatial": ("frames", "frames-reversed"),
    "temporal": ("pixels", "pixels-reversed"),
    "windowed": ("windows", "windows-reversed"),
    "per-frame": ("frames", "frames-reversed"),
}


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


def video_order(name: str, frames: int, height: int, width: int, window: tuple[int, int] = (8, 6)) -> Tensor:
    """The order of that name over a video's grid: (T * H * W,) int64, a permutation.

    `windows` cuts the frames into windows of `window` rows and columns, visited row by row; a window's tube through
    all frames is walked frame after frame before the next begins. Windows at the border may be smaller.
    Raises InputError for an unknown name or an empty window. Source: GLSMamba (docs/glsmamba.md, STS6D).
    """
    if name not in VIDEO_ORDERS:
        raise InputError(f"unknown scan order {name!r}{nearest(name, VIDEO_ORDERS)}")
    grid = torch.arange(frames * height * width).view(frames, height, width)
    forward = name.removesuffix("-reversed")
    order = _windows(grid, window) if forward == "windows" else grid.permute(VIDEO_AXES[forward]).flatten()
    return order.flip(0) if name != forward else order


def _windows(grid: Tensor, window: tuple[int, int]) -> Tensor:
    """Tokens of a grid (T, H, W) sorted by their window, in grid order within each."""
    if min(window) < 1:
        raise InputError(f"window {window[0]}x{window[1]} is empty: give rows and columns of at least 1")
    _, height, width = grid.shape
    rows, columns = torch.arange(height) // window[0], torch.arange(width) // window[1]
    belongs_to = rows[:, None] * len(columns.unique()) + columns  # (H, W)
    return grid.flatten()[belongs_to.expand_as(grid).flatten().argsort(stable=True)]


@cache
def mode_orders(mode: str, frames: int, joints: int, device: torch.device | None = None) -> Tensor:
    """Orders (4, T * J) int64 of a scan mode's directions, kept for the next call: treat them as read-only.

    Raises InputError for an unknown mode.
    """
    if mode not in SCAN_MODES:
        raise InputError(f"unknown scan mode {mode!r}{nearest(mode, SCAN_MODES)}")
    return named_orders(SCAN_MODES[mode], frames, joints, device)


@cache
def named_orders(names: tuple[str, ...], frames: int, joints: int, device: torch.device | None = None) -> Tensor:
    """Orders (K, T * J) int64 of those names over a grid, kept as those of `mode_orders` are."""
    return _to_keep(lambda name: scan_order(name, frames, joints), names, device)


@cache
def pair_orders(
    pair: str, grid: tuple[int, int, int], window: tuple[int, int] = (8, 6), device: torch.device | None = None
) -> Tensor:
    """Orders (2, T * H * W) int64 of a pair of directions over a video's grid, kept as those of `mode_orders` are.

    Raises InputError for an unknown pair or an empty window.
    """
    if pair not in VIDEO_PAIRS:
        raise InputError(f"unknown pair of scan orders {pair!r}{nearest(pair, VIDEO_PAIRS)}")
    return _to_keep(lambda name: video_order(name, *grid, window), VIDEO_PAIRS[pair], device)


def _to_keep(order: Callable[[str], Tensor], names: tuple[str, ...], device: torch.device | None) -> Tensor:
    """Orders of those names, stacked, fit to be kept for whoever asks next."""
    # Neither a default device `meta` nor inference mode, whose tensors autograd refuses, may leak into what is kept.
    with torch.device("cpu"), torch.inference_mode(False):
        orders = torch.stack([order(name) for name in names])
        return orders.to(device) if device else orders


DRAWN_VIDEO = (3, 8, 6)  # frames, rows and columns of the video whose orders are drawn
DRAWN_WINDOW = (4, 3)
DRAWN_PAIRS = ("unified", "spatial", "temporal", "windowed")


def drawn_orders(frames: int = 5, joints: int = 17) -> dict[str, np.ndarray]:
    """What figures of the scans need.

    Over poses: orders (4, T * J) by mode, and the gathers `limb` (1, J), `stride` (2, J). Over a small video: orders
    (2, T * H * W) by pair, `video-grid` (T, H, W) and `video-window` (rows, columns).
    """
    orders = {mode: mode_orders(mode, frames, joints).numpy() for mode in SCAN_MODES}
    orders |= {"limb": np.array([LIMB_NEIGHBOURS]), "stride": np.array(stride_neighbours(joints))}
    orders |= {pair: pair_orders(pair, DRAWN_VIDEO, DRAWN_WINDOW).numpy() for pair in DRAWN_PAIRS}
    return orders | {"video-grid": np.array(DRAWN_VIDEO), "video-window": np.array(DRAWN_WINDOW)}
