"""Figures of video networks: scan orders over frames, and parts."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from demo_results import OPTIONS

from base.errors import InputError
from models.ssm.orders import VIDEO_PAIRS, drawn_orders, pair_orders
from reports.figures import Sources, write_figure
from reports.figures.video_scans import GAP, PAIRS
from reports.measurements import Choice, read_measurements


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    np.savez(tmp_path / "orders.npz", **drawn_orders())
    rows = [("encoder", 0, 30, 20), ("scans", 5, 0, 10), ("total", 5, 30, 30)]
    columns = ["part", "params", "macs_paper", "macs_true"]
    table = pd.DataFrame([(name, *(10**9 * n for n in counts)) for name, *counts in rows], columns=columns)
    table.to_csv(tmp_path / "parts.csv", index=False)
    return {"orders": tmp_path / "orders.npz", "parts": tmp_path / "parts.csv"}


def draw(figure: str, measurements_csv: Path, stem: Path, files: dict[str, Path]) -> str:
    """The SVG's caption."""
    sources = Sources(read_measurements(measurements_csv), (), Choice(**OPTIONS), **files)
    svg, png = write_figure("glsmamba", figure, sources, stem)
    assert png.read_bytes().startswith(b"\x89PNG")
    return ElementTree.parse(svg).getroot().find(".//{http://purl.org/dc/elements/1.1/}description").text


@pytest.mark.slow
@pytest.mark.parametrize("figure", ["scan-orders", "parts"])
def test_the_same_files_give_the_same_bytes(figure, measurements_csv, tmp_path, files):
    captions = {draw(figure, measurements_csv, tmp_path / name, files) for name in "ab"}
    assert "Not drawn" not in captions.pop()
    assert not captions
    for kind in ("svg", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_what_is_drawn_are_the_orders_that_networks_walk():
    drawn = drawn_orders()
    grid, window = (tuple(drawn[name].tolist()) for name in ("video-grid", "video-window"))
    assert set(PAIRS) <= set(VIDEO_PAIRS)
    for pair in PAIRS:
        np.testing.assert_array_equal(drawn[pair], pair_orders(pair, grid, window).numpy())
    assert all(cells % part == 0 for cells, part in zip(grid[1:], window, strict=True))
    assert GAP < 2  # or the last cell of a frame and the first of the next would not look like neighbours


def test_files_that_are_damaged_or_absent_are_named(measurements_csv, tmp_path, files):
    orders = dict(np.load(files["orders"]))
    np.savez(files["orders"], **orders | {"temporal": orders["temporal"] * 0})
    with pytest.raises(InputError, match=r"orders\.npz: temporal must hold two permutations of 144 cells"):
        draw("scan-orders", measurements_csv, tmp_path / "a", files)
    np.savez(files["orders"], **{name: array for name, array in orders.items() if name != "windowed"})
    with pytest.raises(InputError, match=r"orders\.npz: has no windowed; delete it"):
        draw("scan-orders", measurements_csv, tmp_path / "a", files)
    files["parts"].write_text("part,params\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"parts\.csv: lacks the columns macs_paper, macs_true"):
        draw("parts", measurements_csv, tmp_path / "a", files)
    files["parts"].unlink()
    assert draw("parts", measurements_csv, tmp_path / "a", files).startswith("Not drawn: parts.csv is not there")
