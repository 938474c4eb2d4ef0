"""The selective scan, native against reference: how long each takes, side by side in one run.

`make benchmark` compares within a group. What is asserted is that both give the same numbers, never a time.
"""

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from models.ssm import native, selective_scan

# batch, tokens, directions, channels, states. Tokens are T x 17 joints.
SIZES = {"small": (4, 27 * 17, 2, 32, 16), "middle": (1, 81 * 17, 4, 128, 16)}
TOLERANCE = 1e-4  # of the largest value, float32
ROUNDS = 10

BACKENDS = [
    pytest.param("cpu", marks=pytest.mark.skipif(native.available() is not None, reason=str(native.available()))),
    "reference",
]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def inputs_of(size: str) -> list[Tensor]:
    """u, delta, A, B, C, D, delta_bias, orders as a network gives them, in float32."""
    batch, tokens, directions, channels, states = SIZES[size]
    draw = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw)

    return [
        normal(batch, tokens, channels),
        normal(batch, directions, tokens, channels),
        -torch.arange(1.0, states + 1).expand(directions, channels, states).clone(),
        normal(batch, directions, tokens, states),
        normal(batch, directions, tokens, states),
        normal(directions, channels),
        normal(directions, channels) - 4,
        torch.stack([torch.randperm(tokens, generator=draw) for _ in range(directions)]),
    ]


def forward(inputs: list[Tensor], backend: str) -> list[Tensor]:
    with torch.inference_mode():
        return [selective_scan(*inputs, backend=backend)]


def forward_and_backward(inputs: list[Tensor], backend: str) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in inputs[:7]]
    y = selective_scan(*leaves, inputs[7], backend=backend)
    return [y.detach(), *torch.autograd.grad(y.square().sum(), leaves)]


def assert_close(got: list[Tensor], wanted: list[Tensor]) -> None:
    assert len(got) == len(wanted)
    for ours, right in zip(got, wanted, strict=True):
        assert ours.shape == right.shape
        assert (ours - right).abs().max() <= TOLERANCE * right.abs().max()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("work", [forward, forward_and_backward])
def test_scan(benchmark: BenchmarkFixture, work: Callable, size: str, backend: str) -> None:
    inputs = inputs_of(size)
    benchmark.group = f"{work.__name__.replace('_', ' ')}, {size}: batch, L, K, E, N = {SIZES[size]}"
    result = benchmark.pedantic(work, (inputs, backend), rounds=ROUNDS, warmup_rounds=1)
    exact = work([x.double() if x.is_floating_point() else x for x in inputs], "reference")
    assert_close(result, [x.float() for x in exact])
