"""Efficiency of variants, always at full paper size: counts on the meta device, time and memory for real."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import torch

import models
from metrics.efficiency import CONVENTIONS, Count, count, latency, peak_memory, throughput
from studies.files import write_whole
from studies.variants import scan_arguments
from training.provenance import device_name, revision

MEBIBYTE = 2**20


def count_all(variants: Sequence[str]) -> dict[tuple[str, str], tuple[Count, int]]:
    """Count every variant under every convention: (variant, convention) -> (count, frames that it emits a clip)."""
    counted = {}
    for name in variants:
        with torch.device("meta"):
            model = models.build(name)
            clip = torch.empty(1, model.frames, model.joints, model.in_channels)
        for convention in CONVENTIONS:
            counted[name, convention] = count(model, clip, convention), model.frames
    return counted


def count_rows(counted: dict[tuple[str, str], tuple[Count, int]]) -> Iterator[dict]:
    """Measurements: trainable parameters, MACs a clip, MACs an evaluated frame.

    `paper-leaf` is a rule for parameters only: its MACs are those of `paper` and are not repeated.
    """
    for (variant, convention), (result, frames) in counted.items():
        yield _row(variant, "params", result.params, "1", convention, "counted")
        if convention != "paper-leaf":
            yield _row(variant, "macs_per_clip", result.macs, "MAC", convention, "counted")
            yield _row(variant, "macs_per_frame", result.macs / frames, "MAC", convention, "counted")


def write_excluded(counted: dict[tuple[str, str], tuple[Count, int]], path: Path) -> None:
    """Write what each convention left out of each variant, one row an operation, as CSV."""
    rows = [(*key, text) for key, (result, _) in counted.items() for text in result.excluded]
    table = pd.DataFrame(rows, columns=["variant", "convention", "left out"])
    write_whole(path, lambda temporary: table.to_csv(temporary, index=False, lineterminator="\n"))


def time_rows(variants: Sequence[str], backend: str, runs: int, warmup: int, threads: int) -> Iterator[dict]:
    """Median latency of one clip, its spread, frames a second, and peak memory of a fresh process."""
    for variant in variants:
        arguments = {"name": variant} | scan_arguments(variant, backend)
        model = models.build(**arguments)
        shape = (1, model.frames, model.joints, model.in_channels)
        timed = latency(model, torch.zeros(shape), threads, runs, warmup)
        convention = f"median of {runs} after {warmup}, batch 1, {threads} thread{'s' * (threads > 1)}"
        yield _row(variant, "latency", 1e3 * timed["median"], "ms", convention)
        yield _row(variant, "latency_iqr", 1e3 * timed["iqr"], "ms", convention)
        yield _row(variant, "throughput", throughput(timed, model.frames), "frames/s", convention)
        peak = peak_memory("models:build", arguments, shape, threads=threads)["peak"]
        yield _row(variant, "peak_memory", peak / MEBIBYTE, "MiB", f"fresh process, batch 1, {threads} threads")


def _row(variant: str, metric: str, value: float, unit: str, convention: str, device: str = "") -> dict:
    return {
        "scale": "paper",
        "variant": variant,
        "metric": metric,
        "value": value,
        "unit": unit,
        "convention": convention,
        "device": device or device_name(),
        "revision": revision(),
    }
