"""A scan in several directions copies its tokens for none of them: what it allocates, by bytes and not by time."""

from collections.abc import Callable
from math import prod

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from metrics.efficiency import peak_memory
from models.ssm import native, selective_scan
from models.ssm.inputs import ScanInputs
from workflow.measuring.parity import GRADIENTS, draw

pytestmark = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))

SLACK = 16 * 1024  # bytes: gradients of what was not given, which are discarded
UNITS = 4  # of scan.cpp: so many sums of the gradients of B, C and low-rank steps are made apart and then added up
MEGABYTE = 2**20


def inputs_of(length: int, directions: int, channels: int, states: int = 16, rank: int = 4) -> ScanInputs:
    """Random inputs in float32 whose gradients are wanted, every direction in an order of its own."""
    drawn = draw(1, length, directions, channels, states, rank)
    return ScanInputs(*(x.float().requires_grad_() if x.is_floating_point() else x for x in drawn if x is not None))


def with_gradients(inputs: ScanInputs, weights: Tensor) -> Callable[[], object]:
    def call() -> object:
        y = selective_scan(*inputs, backend="cpu")
        return y.detach(), torch.autograd.grad(y, [getattr(inputs, name) for name in GRADIENTS], weights)

    return call


def without_gradients(inputs: ScanInputs, weights: Tensor) -> Callable[[], object]:
    def call() -> object:
        with torch.inference_mode():
            return selective_scan(*inputs, backend="cpu")

    return call


WORKS = {"forward": without_gradients, "forward and backward": with_gradients}


def allowed(inputs: ScanInputs, work: str) -> int:
    """Bytes of the output; with gradients also of these and of the states that are kept. Nothing is (K, L, E)."""
    shapes = [inputs.u.shape]
    if work != "forward":
        shapes += [native.kept_shape(inputs), *(getattr(inputs, name).shape for name in GRADIENTS)]
    return sum(4 * prod(shape) for shape in shapes)


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("directions", [1, 4])
def test_tensors_are_the_output_the_gradients_and_the_kept_states(directions, work):
    inputs = inputs_of(1000, directions, 64)
    call = WORKS[work](inputs, torch.randn(inputs.u.shape))
    call()  # the first call builds and loads the library
    assert allowed(inputs, "forward") <= peak_of_tensors(call) <= allowed(inputs, work) + SLACK
    assert 4 * inputs.u.numel() > SLACK  # a copy of the tokens for a single direction would be noticed


def peak_of_tensors(call: Callable[[], object]) -> int:
    """The most bytes that tensors made by a call held at a time, operators' own ones among them."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = call()
    assert result is not None  # lives until here
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


class Scan(nn.Module):
    """Four directions of long rows, run once a call; what it is called with does not matter."""

    def __init__(self, work: str) -> None:
        super().__init__()
        inputs = long_inputs()
        self.call = WORKS[work](inputs, torch.randn(inputs.u.shape))

    def forward(self, _: Tensor) -> None:
        with torch.inference_mode(False), torch.enable_grad():
            self.call()


def long_inputs() -> ScanInputs:
    """A copy of their tokens for each direction would take 64 MB."""
    return inputs_of(16384, 4, 256, states=8, rank=2)


@pytest.mark.slow
@pytest.mark.parametrize("work", WORKS)
def test_the_process_needs_no_more_than_that_and_the_kernels_sums(work):
    """Counts what the kernel allocates as well: all that the process touches."""
    inputs = long_inputs()
    sums = 4 * UNITS * (inputs.B.numel() + inputs.C.numel() + inputs.delta.numel()) if work != "forward" else 0
    peak = peak_memory(f"{__name__}:Scan", {"work": work}, (1,))
    assert allowed(inputs, "forward") - MEGABYTE < peak < allowed(inputs, work) + sums + 10 * MEGABYTE
