"""How long a forward pass takes."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from base.errors import InputError


def latency(model: nn.Module, example: Tensor, threads: int = 1, runs: int = 5, warmup: int = 1) -> dict:
    """Seconds of one forward pass in evaluation mode: median and spread over runs.

    example: a batch of inputs on the model's own device. Returns `median`, `iqr` (75th minus 25th
    percentile), `raw` (each run) in seconds, `threads`, `batch` (rows of the example), `device`.
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
            raw = [_seconds(lambda: model(example), example.device) for _ in range(warmup + runs)][warmup:]
    finally:
        torch.set_num_threads(before)
        model.train(training)
    low, median, high = np.percentile(raw, [25, 50, 75]).tolist()
    return {
        "median": median,
        "iqr": high - low,
        "raw": raw,
        "threads": threads,
        "batch": len(example),
        "device": str(example.device),
    }


def throughput(timing: dict, frames: int = 1) -> float:
    """Frames a second from the result of `latency`, where each row of the batch yields `frames` frames."""
    return timing["batch"] * frames / timing["median"]


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
