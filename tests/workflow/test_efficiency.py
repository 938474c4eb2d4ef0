"""Counts as measurements, with the integers that the specification gives for PoseMamba-S."""

from pathlib import Path

import pandas as pd
import pytest

from workflow.efficiency import count_all, count_rows, time_rows, write_excluded
from workflow.measurements import COLUMNS, write_measurements


@pytest.fixture(scope="module")
def counted() -> dict:
    return count_all(["posemamba-s"])


def test_posemamba_s_has_the_specified_counts(counted: dict) -> None:
    rows = list(count_rows(counted))
    values = {(row["convention"], row["metric"]): row["value"] for row in rows}
    assert values["true", "params"] == 1_470_211
    assert values["paper", "params"] == 859_651
    assert values["paper", "macs_per_clip"] == 3_587_426_496
    assert values["paper", "macs_per_frame"] == 3_587_426_496 / 243
    assert values["true", "macs_per_clip"] > values["paper", "macs_per_clip"]
    assert ("paper-leaf", "params") in values
    assert ("paper-leaf", "macs_per_clip") not in values  # a rule for parameters only
    assert {(row["scale"], row["variant"], row["device"]) for row in rows} == {("paper", "posemamba-s", "counted")}


def test_counts_are_written_with_every_digit_and_with_what_they_leave_out(counted: dict, tmp_path: Path) -> None:
    write_measurements(count_rows(counted), tmp_path / "counts.csv")
    table = pd.read_csv(tmp_path / "counts.csv", dtype=str, keep_default_na=False)
    assert list(table.columns) == COLUMNS
    assert {"1470211", "859651", "3587426496"} <= set(table["value"])
    write_excluded(counted, tmp_path / "excluded.csv")
    excluded = pd.read_csv(tmp_path / "excluded.csv")
    assert list(excluded.columns) == ["variant", "convention", "left out"]
    assert "paper" in set(excluded["convention"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["counts.csv", "excluded.csv"]


@pytest.mark.slow
def test_time_and_memory_say_how_they_were_taken() -> None:
    rows = {row["metric"]: row for row in time_rows(["mlp"], "auto", runs=3, warmup=1, threads=1)}
    assert set(rows) == {"latency", "latency_iqr", "throughput", "peak_memory"}
    assert rows["latency"]["convention"] == "median of 3 after 1, batch 1, 1 thread"
    assert rows["latency"]["unit"] == "ms"
    assert rows["throughput"]["value"] == pytest.approx(1e3 / rows["latency"]["value"])
    assert 0 <= rows["peak_memory"]["value"] < 50  # MiB, of one frame: neither weights nor libraries
    assert "fresh process" in rows["peak_memory"]["convention"]
