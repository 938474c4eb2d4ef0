"""One scan: ours, plain PyTorch's and mambapy's; orders, low-rank steps, threads, instruction sets, the bound."""

import os
import platform
from collections.abc import Callable

import builds
import pytest
import scans
import torch
from torch import Tensor

from models.ssm import native
from models.ssm.inputs import ScanInputs
from models.ssm.orders import mode_orders

TOLERANCE = 2e-4  # of the largest value, float32
STATES = 16
LAYER = (243, 17)  # frames and joints of PoseMamba's clip: L = 4131
LONG = (5, 3072)  # five frames of 64 x 48 places: L = 15360
SMALL = (9, 17)

pytestmark = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))
needs_mambapy = pytest.mark.skipif(scans.pscan is None, reason="mambapy is not installed (pip install mambapy)")
Scan = Callable[[ScanInputs], Tensor]


def draw(grid: tuple[int, int], channels: int, directions: int = 1, rank: int = 0) -> ScanInputs:
    """One clip as a network gives it, in float32; more than one direction: PoseMamba's orders."""
    length, generator = grid[0] * grid[1], torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return ScanInputs(
        normal(1, length, channels),
        normal(1, directions, length, rank or channels),
        -torch.arange(1.0, STATES + 1).expand(directions, channels, STATES).clone(),
        normal(1, directions, length, STATES),
        normal(1, directions, length, STATES),
        normal(directions, channels),
        normal(directions, channels) - 4,
        mode_orders("bidirectional", *grid) if directions == 4 else None,
        normal(directions, channels, rank) / rank**0.5 if rank else None,
    )


def forward(scan: Scan, inputs: ScanInputs) -> Callable[[], list[Tensor]]:
    """A call that gives the output."""

    def call() -> list[Tensor]:
        with torch.inference_mode():
            return [scan(inputs)]

    return call


def forward_and_backward(scan: Scan, inputs: ScanInputs) -> Callable[[], list[Tensor]]:
    """A call that gives the output and all gradients."""
    leaves = ScanInputs(*(x.clone().requires_grad_() if _is_float(x) else x for x in inputs))
    wanted = [x for x in leaves if _is_float(x)]
    weights = torch.randn(inputs.u.shape, generator=torch.Generator().manual_seed(1))

    def call() -> list[Tensor]:
        y = scan(leaves)
        return [y.detach(), *torch.autograd.grad(y, wanted, weights)]

    return call


def _is_float(x: Tensor | None) -> bool:
    return x is not None and x.is_floating_point()


both_works = pytest.mark.parametrize("work", [forward, forward_and_backward])


def titled(what: str, work: Callable, inputs: ScanInputs, threads: str = "one thread") -> str:
    (K, E, N), L = inputs.A.shape, inputs.u.shape[1]
    return f"{what}, {work.__name__.replace('_', ' ')}: L={L}, K={K}, E={E}, N={N}, {threads}"


def assert_agree(results: dict[str, list[Tensor]]) -> None:
    right, *others = results.values()
    for other in others:
        for ours, wanted in zip(other, right, strict=True):
            assert ours.shape == wanted.shape
            assert (ours - wanted).abs().max() <= TOLERANCE * wanted.abs().max()


@both_works
def test_against_plain_pytorch(compare: Callable, full: bool, work: Callable) -> None:
    inputs = draw(LAYER if full else SMALL, 512 if full else 32)
    contestants = {
        "cpu": scans.ours,
        "reference": lambda x: scans.ours(x, "reference"),
        "recurrence, decays of all tokens first": scans.recurrence,
        "recurrence, step by step": scans.recurrence_by_step,
    }
    calls = {name: work(scan, inputs) for name, scan in contestants.items()}
    assert_agree(compare(titled("Scan", work, inputs), calls, rounds=50, every=10))


@needs_mambapy
@both_works
def test_against_mambapy(compare: Callable, full: bool, work: Callable) -> None:
    inputs = draw(LAYER if full else SMALL, 512 if full else 32)
    calls = {"cpu": work(scans.ours, inputs), "mambapy": work(scans.mambapy_scan, inputs)}
    assert_agree(compare(titled("Scan and mambapy's", work, inputs), calls, rounds=30, every=10))


@both_works
@pytest.mark.parametrize("grid", [LAYER, LONG])
def test_orders(compare: Callable, full: bool, grid: tuple[int, int], work: Callable) -> None:
    """Four directions walk their orders; the contiguous scan has as many channels in all, in one direction."""
    grid, channels = (grid, 128) if full else (SMALL, 8)
    permuted, contiguous = draw(grid, channels, directions=4), draw(grid, 4 * channels)
    calls = {
        "permuted": work(scans.ours, permuted),
        "contiguous, K=1 and 4 E channels": work(scans.ours, contiguous),
        "copies, contiguous scans, scatter": work(scans.copies_and_scan, permuted),
    }
    results = compare(titled("Permuted scan", work, permuted), calls, rounds=30)
    assert_agree({name: results[name] for name in ("permuted", "copies, contiguous scans, scatter")})


@both_works
def test_low_rank_steps(compare: Callable, full: bool, work: Callable) -> None:
    grid, channels = (LAYER, 128) if full else (SMALL, 8)
    inputs = draw(grid, channels, directions=4, rank=4)
    calls = {
        "steps of rank 4 in the kernel": work(scans.ours, inputs),
        "product first": work(lambda x: scans.ours(x.with_full_steps()), inputs),
    }
    assert_agree(compare(titled("Low-rank step sizes", work, inputs), calls, rounds=30))


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
@both_works
def test_two_threads(compare: Callable, full: bool, work: Callable) -> None:
    inputs = draw(LAYER if full else SMALL, 512 if full else 32)
    call = work(scans.ours, inputs)

    def with_threads(threads: int) -> Callable[[], list[Tensor]]:
        def changed() -> list[Tensor]:
            torch.set_num_threads(threads)
            return call()

        return changed

    calls = {"two threads": with_threads(2), "one thread": with_threads(1)}
    results = compare(titled("Threads", work, inputs, "one and two threads"), calls, rounds=50)
    assert all(torch.equal(two, one) for two, one in zip(*results.values(), strict=True))


@pytest.mark.slow  # builds the scan
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names x86 instruction sets")
@both_works
def test_narrower_vectors(compare: Callable, full: bool, work: Callable) -> None:
    """The build for a processor without AVX-512, on whatever processor this is."""
    inputs = draw(LAYER if full else SMALL, 512 if full else 32)
    narrow, call = builds.build(builds.SCAN, "-mno-avx512f"), work(scans.ours, inputs)
    instructions = builds.instruction_set("-mno-avx512f")
    calls = {
        f"cpu, built for {instructions}": builds.scanning_with(narrow, call),
        f"cpu, built for this machine ({builds.instruction_set()})": call,
        "recurrence, step by step": work(scans.recurrence_by_step, inputs),
        **({"mambapy": work(scans.mambapy_scan, inputs)} if scans.pscan else {}),
    }
    assert_agree(compare(titled(f"Scan on {instructions}", work, inputs), calls, rounds=30, every=10))


@pytest.mark.slow  # as above
@pytest.mark.parametrize("flags", [(), ("-mno-avx512f",)], ids=["this machine", "without AVX-512"])
@both_works
def test_share_of_the_bound(compare: Callable, full: bool, work: Callable, flags: tuple[str, ...]) -> None:
    """The scan against its own arithmetic with nothing loaded or stored: that ratio is its share of the bound."""
    if flags and platform.machine() != "x86_64":
        pytest.skip("names x86 instruction sets")
    inputs = draw(LAYER if full else SMALL, 512 if full else 32)
    updates = inputs.u.numel() * STATES
    bound = builds.build(builds.BOUND, *flags)
    arithmetic = [builds.counted("forward_updates", updates, bound)]
    if work is forward_and_backward:
        arithmetic.append(builds.counted("backward_updates", updates, bound))
    scan = work(scans.ours, inputs)
    if flags:
        scan = builds.scanning_with(builds.build(builds.SCAN, *flags), scan)
    calls = {
        "scan": scan,
        "its arithmetic alone (the bound)": lambda: [part() for part in arithmetic],
        "an exponential a state update": builds.counted("exponentials", updates, bound),
        "a multiply-add a state update": builds.counted("multiply_adds", updates, bound),
    }
    title = titled(f"Bound of {builds.instruction_set(*flags)}", work, inputs)
    results = compare(title, calls, rounds=50)
    assert_agree({"scan": results["scan"], "reference": work(lambda x: scans.ours(x, "reference"), inputs)()})
