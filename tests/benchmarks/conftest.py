"""Contestants side by side in one run: machines are noisy, so only what took turns is compared.

pytest-benchmark times the first contestant of each comparison; the others take their turns before its rounds, and their
times are stored beside its own. Tests assert that results agree, never a time. Without `--benchmark-only`, as in
`make test`, the sizes are small and every contestant runs once.
"""

import itertools
import time
from collections.abc import Callable, Mapping
from importlib import metadata

import builds
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from training.provenance import cpu_name, revision

Contestants = Mapping[str, Callable[[], object]]


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """Unless a contestant says otherwise."""


@pytest.fixture
def full(benchmark: BenchmarkFixture, pytestconfig: pytest.Config) -> bool:
    """Whether to measure at full size."""
    return benchmark.enabled and pytestconfig.getoption("benchmark_only")


@pytest.fixture
def compare(benchmark: BenchmarkFixture) -> Callable[..., dict[str, object]]:
    """compare(title, contestants, rounds, every, warm) times them in turns and returns what each gave, by name.

    The first runs `rounds` times; before each `every`-th of its rounds each of the others runs once. With `warm` all
    run once before that, which does not count.
    """

    def compare(
        title: str, contestants: Contestants, rounds: int = 20, every: int = 1, warm: bool = True
    ) -> dict[str, object]:
        (first, call), *others = contestants.items()
        seconds: dict[str, list[float]] = {name: [] for name, _ in others}
        results: dict[str, object] = {}
        turns = itertools.count(-1 if warm else 0)

        def let_the_others_run() -> None:
            turn = next(turns)
            for name, other in others if turn < 0 or turn % every == 0 else ():
                started = time.perf_counter()
                results[name] = other()
                if turn >= 0:
                    seconds[name].append(time.perf_counter() - started)

        benchmark.group = title
        benchmark.extra_info.update(first=first, others=seconds)
        results[first] = benchmark.pedantic(call, setup=let_the_others_run, rounds=rounds, warmup_rounds=int(warm))
        return results

    return compare


def pytest_benchmark_update_machine_info(machine_info: dict) -> None:
    """What else decides the times, for the head of the table (`table.py`)."""
    packages = {name: version for name in ("torch", "mambapy") if (version := _version(name))}
    machine_info["stated"] = {
        "processor": cpu_name(),
        **builds.machine(),
        **packages,
        "revision": revision(),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
