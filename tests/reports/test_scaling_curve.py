"""The scaling curve's figure and table, from made-up measurements."""

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from base.errors import InputError
from reports.scaling import write_scaling

LEFT_OUT = "a pass would take about 99 s, more than 60 s"


def rows_of(frames: int, predicted: bool = False) -> list[dict]:
    """A linear and a quadratic model; the latter is left out in training at 90 frames. Its memory may be predicted."""
    rows = []
    for work, factor in (("inference", 1), ("training step", 3)):
        for model, seconds in (("linear", frames / 100), ("quadratic", frames**2 / 1800)):
            left_out = LEFT_OUT if (model, work, frames) == ("quadratic", "training step", 90) else ""
            measured = {} if left_out else {"seconds_median": factor * seconds, "runs": 9, "peak_mib": 10.0 * frames}
            same = {"model": model, "work": work, "frames": frames, "threads": 2, "left_out": left_out}
            same["predicted_mib"] = 10.5 * frames if model == "quadratic" and predicted else None
            rows.append(same | measured | {"device": "some CPU", "torch": "2.13.0"})
    return rows


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{frames}.csv" for frames in (10, 30, 90)]
    for path in paths:
        pd.DataFrame(rows_of(int(path.stem))).to_csv(path, index=False)
    return paths


def test_the_same_measurements_give_the_same_bytes(parts: list[Path], tmp_path: Path) -> None:
    first, second = (write_scaling("frames", parts, tmp_path / name / "scaling") for name in "ab")
    assert [path.suffix for path in first] == [".csv", ".md", ".svg", ".png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_caption_says_how_it_was_measured_and_what_is_missing(parts: list[Path], tmp_path: Path) -> None:
    *_, svg, _ = write_scaling("frames", parts, tmp_path / "scaling")
    text = ElementTree.parse(svg).getroot().find(".//{http://purl.org/dc/elements/1.1/}description").text
    assert "One clip on some CPU, 2 threads, torch 2.13.0" in text
    assert "median time of 9 runs in turns" in text
    assert "At T = 90, inference: quadratic 5.00 times the time of linear." in text
    assert "At T = 30, training step: quadratic 1.67 times the time of linear." in text
    assert f"Left out: quadratic at T = 90 (training step), as {LEFT_OUT}." in text


def test_the_table_has_every_case_and_its_ratio(parts: list[Path], tmp_path: Path) -> None:
    lines = write_scaling("frames", parts, tmp_path / "scaling")[1].read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| work | T | linear, s | MiB | quadratic, s | MiB |"
    assert lines[4] == "| inference | 90 | 0.9 | 900 | 4.5 (5.00x) | 900 (1.00x) |"
    assert lines[7] == "| training step | 90 | 2.7 | 900 | left out | left out |"
    assert lines[-1] == f"quadratic, training step, T=90: left out, {LEFT_OUT}."


def test_predicted_memory_stands_where_nothing_was_measured(parts: list[Path], tmp_path: Path) -> None:
    for path in parts:
        rows = pd.DataFrame(rows_of(int(path.stem), predicted=True)).rename(columns={"frames": "tokens"})
        rows.to_csv(path, index=False)
    _, table, svg, _ = write_scaling("tokens", parts, tmp_path / "tokens")
    lines = table.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("| work | L |")
    assert lines[4] == "| inference | 90 | 0.9 | 900 | 4.5 (5.00x) | 900 (1.00x) |"
    assert lines[7] == "| training step | 90 | 2.7 | 900 | left out | predicted 945 |"
    text = ElementTree.parse(svg).getroot().find(".//{http://purl.org/dc/elements/1.1/}description").text
    assert "At L = 90, inference: quadratic 5.00 times the time of linear." in text
    assert text.endswith("Hollow: not measured, predicted from the sizes of the tensors.")


def test_what_is_no_measurement_is_named(parts: list[Path], tmp_path: Path) -> None:
    parts[1].write_text("model,frames\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"30\.csv: lacks the columns .*; delete it and run `make scaling`"):
        write_scaling("frames", parts, tmp_path / "scaling")
    parts[1].write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"30\.csv: is no CSV file"):
        write_scaling("frames", parts, tmp_path / "scaling")
    assert not (tmp_path / "scaling.csv").exists()
