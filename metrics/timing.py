"""How long a forward pass takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from base.errors import InputError


@dataclass(frozen=True)
class Latency:
    """Seconds of each run of a forward pass of `batch` rows."""

    seconds: tuple[float, ...]
    batch: int

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


def latency(model: nn.Module, example: Tensor, threads: int = 1, runs: int = 5, warmup: int = 1) -> Latency:
    """Time one forward pass in evaluation mode, `runs` times.

    example: a batch of inputs on the model's own device.
    The median is robust against the odd slow run of a shared machine, and the raw times let a regression
    test look at more. A forward pass here takes from milliseconds to seconds, so a plain clock is precise
    enough, and `torch.utils.benchmark.Timer`, which warms up again before each single run, would double the
    time. On a GPU each run waits for the device. Raises InputError unless runs and threads are at least 1.
    """
    if min(runs, threads) < 1 or warmup < 0:
        raise InputError(f"runs and threads must be at least 1, warmup 0; got {runs}, {threads}, {warmup}")
    before, training = torch.get_num_threads(), model.training
    torch.set_num_threads(threads)
    model.eval()
    try:
        with torch.inference_mode():
            seconds = [_seconds(lambda: model(example), example.device) for _ in range(warmup + runs)][warmup:]
    finally:
        torch.set_num_threads(before)
        model.train(training)
    return Latency(tuple(seconds), len(example))


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
