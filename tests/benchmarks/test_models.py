"""PoseMamba-S on one clip: against attention of equal width and depth, and with other scans in the place of ours."""

import os
from collections.abc import Callable
from unittest import mock

import psutil
import pytest
import scans
import torch
from torch import Tensor, nn

from models.lifting import scan as lifting_scan
from models.ssm import native
from models.ssm.inputs import ScanInputs
from workflow.measuring.curves import CURVES, WORKS, build
from workflow.measuring.scaling import MEBIBYTE, MEMORY_SHARE, clip

FRAMES = (27, 81, 243)
SHORTENED = 27  # so many times where nothing is measured
TOLERANCE = 1e-3  # of the norm of the poses or of all gradients; float32 through 20 blocks
# MiB a frame that a training step was found to need, mambapy's just above a power of two of tokens.
TRAINING_MIB = {scans.recurrence_by_step: 45, scans.mambapy_scan: 90}

pytestmark = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))
needs_mambapy = pytest.mark.skipif(scans.pscan is None, reason="mambapy is not installed (pip install mambapy)")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("work", WORKS)
def test_against_attention(compare: Callable, full: bool, work: str, frames: int, threads: int) -> None:
    frames, threads = (frames, threads) if full else (frames // SHORTENED, 1)
    nets = {name: build("frames", name, work, frames, "cpu") for name in CURVES["frames"].contestants}
    calls = {name: one_pass(net, work) for name, net in nets.items()}
    title = f"PoseMamba-S and attention, {work}: one clip, T={frames}, {_use(threads)}"
    for outputs in compare(title, calls, rounds=8).values():  # different nets: no numbers to compare
        assert all(x.isfinite().all() for x in outputs)


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize(
    "scan", [scans.recurrence_by_step, pytest.param(scans.mambapy_scan, marks=needs_mambapy)], ids=lambda f: f.__name__
)
def test_against_other_scans(compare: Callable, full: bool, scan: Callable, work: str, frames: int) -> None:
    """The others are slow: from 81 frames on they run once, without a round that goes ahead."""
    frames, threads = (frames, 2) if full else (frames // SHORTENED, 1)
    needed, free = TRAINING_MIB[scan] * frames, psutil.virtual_memory().available / MEBIBYTE
    if work == "training step" and needed > MEMORY_SHARE * free:
        pytest.skip(f"needs about {needed:,.0f} MiB of memory, {free:,.0f} are free")
    net = build("frames", "PoseMamba-S", work, frames, "cpu")
    call = one_pass(net, work)
    name = scan.__name__.replace("_", " ")

    def with_other_scan() -> list[Tensor]:
        with mock.patch.object(lifting_scan, "selective_scan", lambda *inputs, backend: scan(ScanInputs(*inputs))):
            return call()

    title = f"PoseMamba-S and {name} in it, {work}: one clip, T={frames}, {_use(threads)}"
    short = frames < 81
    calls = {"cpu": call, name: with_other_scan}
    results = compare(title, calls, rounds=9, every=3 if short else 9, warm=short)
    ours, theirs = (torch.cat([x.flatten() for x in results[key]]) for key in ("cpu", name))
    assert (ours - theirs).norm() <= TOLERANCE * theirs.norm()


def one_pass(net: nn.Module, work: str) -> Callable[[], list[Tensor]]:
    """A call that gives the poses of a random clip, or the gradients of all weights."""
    example = torch.randn(clip(net).shape, generator=torch.Generator().manual_seed(0))

    def inference() -> list[Tensor]:
        with torch.inference_mode():
            return [net.eval()(example)]

    def training_step() -> list[Tensor]:
        net(example)
        return [p.grad.clone() for p in net.parameters()]

    return training_step if work == "training step" else inference


def _use(threads: int) -> str:
    """Let torch use so many threads, at most one a core; says how many in words."""
    torch.set_num_threads(min(threads, os.cpu_count() or 1))
    return f"{torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
