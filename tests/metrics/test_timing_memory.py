"""Time and memory of toy models whose cost is known in advance."""

import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from base.errors import InputError
from metrics import timing
from metrics.efficiency import Latency, MemoryLimitError, in_fresh_process, latency, peak_memory

MEGABYTE = 2**20
FLOATS = MEGABYTE // 4


class Sleeper(nn.Module):
    """Takes 20 ms, and 200 ms more in its first call."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.02 if self.threads else 0.22)
        self.threads.append(torch.get_num_threads())
        assert not self.training
        assert torch.is_inference_mode_enabled()
        return x


class Balloon(nn.Module):
    """Holds some megabytes of temporary numbers during its forward pass, some more before it."""

    def __init__(self, weights: int, temporary: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(weights * FLOATS))
        torch.ones(200 * FLOATS).sum()  # a peak while building, which must not count
        self.temporary = temporary
        self.kernels: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.kernels is None:  # what a first call loads and keeps
            self.kernels = torch.ones(80 * FLOATS)
        return x + torch.ones(self.temporary * FLOATS).sum()


def broken() -> nn.Module:
    raise RuntimeError("no such weights")


def test_latency_warms_up_sets_threads_and_puts_all_back():
    model, threads = Sleeper().train(), torch.get_num_threads()
    result = latency(model, torch.zeros(3, 2), threads=1, runs=5)
    assert len(result.seconds) == 5
    assert len(model.threads) == 6
    assert set(model.threads) == {1}
    assert min(result.seconds) >= 0.02
    assert result.median == np.median(result.seconds)
    assert result.median < 0.2  # the slow first call is not among them
    assert result.iqr == pytest.approx(np.subtract(*np.percentile(result.seconds, [75, 25])))
    assert model.training
    assert torch.get_num_threads() == threads
    assert result.throughput(frames=243) == pytest.approx(3 * 243 / result.median)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds that the next passes are said to take, instead of being made."""
    passes: list[float] = []
    monkeypatch.setattr(timing, "one_pass", lambda *given: passes.pop(0))
    yield passes
    assert not passes


@pytest.mark.parametrize(
    ("passes", "runs", "seconds", "timed"),
    [
        pytest.param([0.4, 0.1, 0.2], 2, 0.0, (0.1, 0.2), id="short"),
        pytest.param([0.4, 0.1, 0.1, 0.2], 2, 0.3, (0.1, 0.1, 0.2), id="until it took long enough"),
        pytest.param([2.0, 3.0], 2, 0.3, (2.0, 3.0), id="a long first one counts"),
        pytest.param([2.0, 3.0], 1, 0.0, (2.0, 3.0), id="and is never the only one"),
    ],
)
def test_a_first_pass_counts_only_where_it_is_long(
    clock: list[float], passes: list[float], runs: int, seconds: float, timed: tuple[float, ...]
) -> None:
    clock += passes
    left: list[int] = []
    result = latency(nn.Identity(), torch.zeros(3), 1, runs, seconds, after_first=lambda: left.append(len(clock)))
    assert result == Latency(timed, batch=3, before=len(passes) - len(timed))
    assert left == [len(passes) - 1]


@pytest.mark.parametrize("change", [{"runs": 0}, {"threads": 0}, {"seconds": -1.0}])
def test_latency_refuses_nonsense(change):
    with pytest.raises(InputError, match="at least 1"):
        latency(Sleeper(), torch.zeros(1), **change)


@pytest.mark.slow
def test_peak_memory_sees_the_forward_pass_and_only_that():
    def peak(temporary: int) -> float:
        arguments = {"weights": 50, "temporary": temporary}
        return peak_memory(f"{__name__}:Balloon", arguments, (1, 2)) / MEGABYTE

    small, large = peak(10), peak(110)
    assert large - small == pytest.approx(100, abs=5)
    assert 9 < small < 30  # not the 50 of weights, the 200 while building, the 80 of the first call


@pytest.mark.slow
def test_a_fresh_process_times_the_passes_that_it_weighs():
    peak, timed = in_fresh_process(f"{__name__}:Sleeper", {}, (3, 2), runs=4)
    assert (len(timed.seconds), timed.batch, timed.before) == (4, 3, 1)
    assert 0.02 <= timed.median < 0.2  # the slow first call is not among them
    assert 0 <= peak < 20 * MEGABYTE


def test_peak_memory_of_a_failing_model_is_one_clear_line():
    with pytest.raises(InputError, match="RuntimeError: no such weights") as error:
        peak_memory(f"{__name__}:broken", {}, (1, 2))
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_pass_that_goes_beyond_its_limit_is_told_from_one_that_fails():
    arguments = {"weights": 1, "temporary": 300}
    with pytest.raises(MemoryLimitError, match="out of memory: it asked for more than 200 MiB"):
        peak_memory(f"{__name__}:Balloon", arguments, (1, 2), limit=200 * 2**20)
    assert peak_memory(f"{__name__}:Balloon", arguments, (1, 2), limit=900 * 2**20) > 280 * MEGABYTE
    with pytest.raises(InputError, match="no such weights") as error:
        peak_memory(f"{__name__}:broken", {}, (1, 2), limit=200 * 2**20)
    assert not isinstance(error.value, MemoryLimitError)


def test_peak_memory_gives_up_after_its_timeout():
    with pytest.raises(InputError, match="no result after 0 s"):
        peak_memory(f"{__name__}:broken", {}, (1, 2), timeout=0.01)
