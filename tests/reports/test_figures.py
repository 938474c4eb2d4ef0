"""Figures: drawn from files, the same bytes each time, and words where something was not run."""

import ast
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from xml.etree import ElementTree

import numpy as np
import pytest
from demo_results import DEMO, OPTIONS, write_results

import reports
from base.errors import InputError
from metrics.lifting import image_millimetres
from reports.figures import read_sources, write_figure
from reports.figures.poses import pick_frames
from reports.measurements import Choice

CHOICE = Choice(**OPTIONS)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_results(folder)
    return folder


def draw(results: Path, figure: str, stem: Path) -> tuple[str, bytes]:
    """Text of the SVG and bytes of the PNG."""
    files = {"prepared": results / "prepared", "orders": results / "scan_orders.npz"}
    svg, png = write_figure(DEMO, figure, read_sources(results, CHOICE, **files), stem)
    return svg.read_text(encoding="utf-8"), png.read_bytes()


KINDS = ["figure1", "curves", "scans", "maps", "poses", "wild"]


@pytest.mark.slow
@pytest.mark.parametrize("figure", KINDS)
def test_the_same_files_give_the_same_bytes(results, figure, tmp_path):
    first = draw(results, figure, tmp_path / "a")
    assert first == draw(results, figure, tmp_path / "b")
    assert "Not drawn" not in first[0]
    assert first[1].startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "a.svg", "b.png", "b.svg"]


@pytest.mark.parametrize("figure", ["curves", "maps", "poses", "wild"])
def test_what_was_measured_says_its_scale(results, figure, tmp_path):
    assert "cale quick" in draw(results, figure, tmp_path / "a")[0]


def test_a_run_that_is_missing_is_said_in_words(results, tmp_path):
    svg, _ = write_figure(DEMO, "maps", read_sources(results, replace(CHOICE, scale="open")), tmp_path / "a")
    text = ElementTree.parse(svg).getroot().find(".//{http://purl.org/dc/elements/1.1/}description").text
    assert text.startswith("Not drawn: posemamba-s was not trained by recipe posemamba on synthetic-sh-like")


def test_damaged_files_are_named(results, tmp_path):
    (tmp_path / "orders.npz").write_bytes((results / "scan_orders.npz").read_bytes()[:300])
    with pytest.raises(InputError, match=r"orders\.npz"):
        write_figure(DEMO, "scans", read_sources(results, CHOICE, orders=tmp_path / "orders.npz"), tmp_path / "a")
    with pytest.raises(InputError, match="no figure 'figure9'"):
        write_figure(DEMO, "figure9", read_sources(results, CHOICE), tmp_path / "a")
    assert not list(tmp_path.glob("a*"))


def test_frames_are_picked_by_the_rank_of_their_error():
    errors = np.array([5.0, 1.0, 4.0, 2.0, 3.0, 9.0, 8.0, 7.0, 6.0, 10.0, 0.0])
    assert [errors[i] for i in pick_frames(errors)] == [1.0, 5.0, 9.0]


def test_outputs_become_root_relative_millimetres(results):
    from datasets.lifting import load

    split = load(results / "prepared/synthetic-sh-like/test")
    truth = np.asarray(split.joints, float)
    labels = np.asarray(split.joints, float) / np.asarray(split.factor)[:, None, None]  # pixels
    labels = (labels - labels[:, :1]) * 2 / split.frames["width"].to_numpy()[:, None, None]
    np.testing.assert_allclose(image_millimetres(labels, split.factor, 1000, 1000), truth - truth[:, :1], atol=1e-3)


def test_a_moved_run_leaves_out_its_figure(tmp_path):
    write_results(tmp_path)
    rmtree(tmp_path / "runs/quick/synthetic-sh-like/posemamba-s/posemamba/seed0")
    text, _ = draw(tmp_path, "poses", tmp_path / "a")
    assert "Not drawn: predictions.npz is not there" in text


def test_reports_never_import_models_training_or_torch():
    for path in Path(reports.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"torch", "models", "training", "workflow"}, path
