"""Scan orders over video: named, bijective, and as docs/glsmamba.md walks them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from models.ssm.orders import VIDEO_ORDERS, VIDEO_PAIRS, inverse, pair_orders, video_order

PATHS = {
    1: "panorama-rows",
    2: "frames",
    3: "pixels",
    4: "panorama-columns",
    5: "frames-reversed",
    6: "pixels-reversed",
}


def cells(name: str, T: int, H: int, W: int, **window) -> list[tuple[int, int, int]]:
    """The walk as (frame, row, column)."""
    order = video_order(name, T, H, W, **window)
    return [tuple(cell) for cell in torch.stack(torch.unravel_index(order, (T, H, W)), 1).tolist()]


def test_walks_over_two_frames_of_two_by_three_cells():
    T, H, W = range(2), range(2), range(3)
    walks = {
        "panorama-rows": [(t, h, w) for h in H for t in T for w in W],
        "panorama-columns": [(t, h, w) for t in T for w in W for h in H],
        "frames": [(t, h, w) for t in T for h in H for w in W],
        "pixels": [(t, h, w) for h in H for w in W for t in T],
    }
    for name, walk in walks.items():
        assert cells(name, 2, 2, 3) == walk
        assert cells(f"{name}-reversed", 2, 2, 3) == walk[::-1]


def test_windows_are_tubes_walked_one_after_the_other():
    walk = cells("windows", 2, 4, 4, window=(2, 2))
    corners = [(0, 0), (0, 2), (2, 0), (2, 2)]
    assert walk == [(t, h + i, w + j) for h, w in corners for t in range(2) for i in range(2) for j in range(2)]
    assert cells("windows-reversed", 2, 4, 4, window=(2, 2)) == walk[::-1]


@given(
    st.sampled_from(VIDEO_ORDERS),
    *(st.integers(1, n) for n in (5, 9, 7)),
    st.tuples(st.integers(1, 10), st.integers(1, 8)),
)
def test_an_order_is_a_permutation_and_has_an_inverse(name, frames, height, width, window):
    order = video_order(name, frames, height, width, window)
    steps = torch.arange(frames * height * width)
    assert order.dtype == torch.int64
    assert torch.equal(order.sort().values, steps)
    assert torch.equal(order[inverse(order)], steps)
    assert torch.equal(inverse(order)[order], steps)


def test_the_six_paths_of_a_clip_differ():
    paths = torch.stack([video_order(name, 5, 64, 48) for name in PATHS.values()])
    assert paths.shape == (6, 15_360)
    assert len(paths.unique(dim=0)) == 6


def test_the_local_scan_makes_64_runs_of_240():
    order = video_order("windows", 5, 64, 48)
    _, rows, columns = torch.unravel_index(order, (5, 64, 48))
    window = (rows // 8) * 8 + columns // 6
    runs, lengths = window.unique_consecutive(return_counts=True)
    assert torch.equal(runs, torch.arange(64))
    assert torch.equal(lengths, torch.full((64,), 240))


def test_pairs_are_the_papers():
    order = {path: video_order(name, 3, 4, 6, (2, 3)) for path, name in PATHS.items()}
    for pair, paths in {"unified": (1, 4), "spatial": (2, 5), "temporal": (3, 6), "per-frame": (2, 5)}.items():
        assert torch.equal(pair_orders(pair, (3, 4, 6)), torch.stack([order[p] for p in paths]))
    for pair, path in {"unified-reverse": 1, "spatial": 2, "temporal": 3}.items():
        forward, backward = pair_orders(pair, (3, 4, 6))
        assert torch.equal(forward, order[path])
        assert torch.equal(backward, forward.flip(0))
    assert torch.equal(pair_orders("windowed", (3, 4, 6), (2, 3))[0], video_order("windows", 3, 4, 6, (2, 3)))


def test_with_one_frame_some_paths_fall_together():
    rows, frames, pixels, columns = (video_order(PATHS[path], 1, 3, 4) for path in (1, 2, 3, 4))
    assert torch.equal(rows, frames)
    assert torch.equal(pixels, frames)
    assert not torch.equal(columns, frames)


@pytest.mark.parametrize("pair", VIDEO_PAIRS)
def test_kept_orders_are_real_and_trainable_whoever_asks_first(pair):
    with torch.device("meta"), torch.inference_mode():
        orders = pair_orders(pair, (2, 3, 5), (2, 2))
    assert orders.device.type == "cpu"
    assert not orders.is_inference()
    assert pair_orders(pair, (2, 3, 5), (2, 2)) is orders


def test_mistakes_are_named():
    with pytest.raises(InputError, match="unknown scan order 'panorama-row'; did you mean 'panorama-rows'"):
        video_order("panorama-row", 2, 3, 4)
    with pytest.raises(InputError, match="unknown pair of scan orders 'unifed'; did you mean 'unified'"):
        pair_orders("unifed", (2, 3, 4))
    with pytest.raises(InputError, match="window 0x6 is empty"):
        video_order("windows", 2, 3, 4, (0, 6))
