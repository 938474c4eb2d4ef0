"""How long a forward pass takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from base.errors import InputError

# Seconds of a pass. What a first one does besides, such as loading kernels, takes some hundredths of a second: a longer
# pass needs none before it (docs/conventions.md).
LONG = 0.5


@dataclass(frozen=True)
class Latency:
    """Seconds of each run of a forward pass of `batch` rows; before: passes that went before and do not count."""

    seconds: tuple[float, ...]
    batch: int
    before: int = 0

    @property
    def median(self) -> float:
        """Seconds."""
        return float(np.median(self.seconds))

    @property
    def iqr(self) -> float:
        """75th minus 25th percentile, in seconds."""
        return float(np.subtract(*np.percentile(self.seconds, [75, 25])))

    def throughput(self, frames: int = 1) -> float:
        """Frames a second, where each row of the batch yields `frames` frames."""
        return self.batch * frames / self.median


def latency(
    model: nn.Module,
    example: Tensor,
    threads: int = 1,
    runs: int = 5,
    seconds: float = 0.0,
    after_first: Callable[[], object] = lambda: None,
) -> Latency:
    """Time forward passes in evaluation mode: `runs` at least, and more until they took `seconds` together.

    example: a batch of inputs on the model's own device.
    A first pass goes before them, unless it is LONG: then it is one of them. It is never the only pass; after_first is
    called between it and the others.
    The median is robust against the odd slow run of a shared machine, and the raw times let a regression
    test look at more. A forward pass here takes from milliseconds to seconds, so a plain clock is precise
    enough, and `torch.utils.benchmark.Timer`, which warms up again before each single run, would double the
    time. On a GPU each run waits for the device. Raises InputError unless runs and threads are at least 1.
    """
    if min(runs, threads) < 1 or seconds < 0:
        raise InputError(f"runs and threads must be at least 1, seconds 0; got {runs}, {threads}, {seconds}")
    first = one_pass(model, example, threads)
    after_first()
    timed = [first] if first >= LONG else []
    before = 1 - len(timed)
    timed.append(one_pass(model, example, threads))
    while len(timed) < runs or sum(timed) < seconds:
        timed.append(one_pass(model, example, threads))
    return Latency(tuple(timed), len(example), before)


def one_pass(model: nn.Module, example: Tensor, threads: int) -> float:
    """Seconds of one forward pass in evaluation mode; model and threads are left as they were."""
    training = model.training
    model.eval()
    try:
        with on_threads(threads), torch.inference_mode():
            start = time.perf_counter()
            model(example)
            if example.device.type == "cuda":
                torch.cuda.synchronize(example.device)
            return time.perf_counter() - start
    finally:
        model.train(training)


@contextmanager
def on_threads(threads: int) -> Iterator[None]:
    """PyTorch computes on so many threads while the body runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
