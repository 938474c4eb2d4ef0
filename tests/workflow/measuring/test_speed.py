"""Times and memory as measurements."""

import pytest
import torch
from torch import Tensor, nn

from metrics.efficiency import Latency
from metrics.memory import Fresh
from workflow.measuring import speed
from workflow.measuring.speed import time_rows


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """How passes were asked for, one of 1 s and one of 3 s, instead of being made."""
    made: list[dict] = []

    def passes(model: nn.Module, clip: Tensor, **how: object) -> Latency:
        made.append(how | {"shape": clip.shape, "where": "here"})
        return Latency((1.0, 3.0), 1)

    def weighed(factory: str, arguments: dict, shape: torch.Size, **how: object) -> Fresh:
        made.append(how | {"shape": shape, "where": "fresh"})
        return Fresh(3 * 2**20, Latency((1.0, 3.0), 1, before=1))

    monkeypatch.setattr(speed, "latency", passes)
    monkeypatch.setattr(speed, "in_fresh_process", weighed)
    return made


def rows_of(name: str, weighed: list[str]) -> dict[str, tuple[float, str]]:
    rows = time_rows([name], "auto", runs=2, seconds=0.3, threads=1, weighed=weighed)
    return {row.metric: (row.value, row.convention) for row in rows}


def test_what_is_not_weighed_is_timed_here(asked: list[dict]) -> None:
    how = "median of 2 runs, batch 1, 1 thread"
    assert rows_of("mlp", weighed=[]) == {
        "latency": (2000.0, how),
        "latency_iqr": (1000.0, how),
        "latency_per_frame": (2000.0, "measured"),
        "throughput": (0.5, how),
    }
    assert asked == [{"threads": 1, "runs": 2, "seconds": 0.3, "shape": (1, 1, 17, 2), "where": "here"}]


def test_a_network_on_video_is_timed_on_two_threads_in_the_process_that_weighs_it(asked: list[dict]) -> None:
    rows = rows_of("glsmamba-b", weighed=["glsmamba-b"])
    assert rows["latency"] == (2000.0, "median of 2 runs after 1 warm-up, batch 1, 2 threads")
    assert rows["throughput"][0] == rows["latency_per_frame"][0] / 4000  # one pose a clip
    assert rows["peak_memory"] == (3.0, "fresh process, batch 1, 2 threads")
    assert asked == [{"threads": 2, "runs": 2, "seconds": 0.3, "shape": (1, 5, 3, 256, 192), "where": "fresh"}]


@pytest.mark.slow
def test_time_and_memory_of_a_network() -> None:
    rows = {row.metric: row.value for row in time_rows(["mlp"], "auto", runs=3, seconds=0, threads=1)}
    assert rows["latency"] > 0
    assert rows["throughput"] == pytest.approx(1e3 / rows["latency"])
    assert 0 <= rows["peak_memory"] < 50  # MiB, of one frame: neither weights nor libraries
