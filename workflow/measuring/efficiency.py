"""Efficiency of variants, always at full paper size: counts on the meta device, time and memory for real."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

import models
from base.files import write_whole
from metrics.efficiency import CONVENTIONS, Count, count_under, latency, peak_memory, predict_memory, throughput
from models.ssm import backend_in_use
from studies.variants import variant
from training.provenance import device_name, revision

MEBIBYTE = 2**20
# fvcore runs the network, on zeros, which takes minutes for some of those on video, and does not see fused attention,
# which the peers are made of: it counts those families alone.
TRACED = ("baselines", "posemamba", "sasmamba")
# Whether attention is fused. `predicted` is the reading that is held against a printed "OOM": without a fused kernel.
PREDICTED = {"predicted": False, "predicted-fused": True}
ATTENTIVE = ("vitpose", "video-transformer")  # families that train layers of attention
VIDEO_THREADS = 2


def count_all(variants: Sequence[str]) -> dict[tuple[str, str], tuple[Count, int]]:
    """Count variants under every convention of their kind: (variant, convention) -> (count, frames emitted a clip)."""
    counted = {}
    for name in variants:
        model, clip = on_meta(name)
        conventions = [c for c in CONVENTIONS if c != "fvcore" or variant(name)["family"] in TRACED]
        for convention, result in count_under(conventions, model, clip).items():
            counted[name, convention] = result, model.emitted_frames
    return counted


def on_meta(name: str, **overrides: object) -> tuple[nn.Module, Tensor]:
    """A variant and one clip for it, shapes only."""
    with torch.device("meta"):
        model = models.build(name, **overrides)
        return model, torch.empty(model.example_shape)


def count_rows(counted: dict[tuple[str, str], tuple[Count, int]]) -> Iterator[dict]:
    """Measurements: trainable parameters, MACs a clip, MACs an evaluated frame."""
    for (name, convention), (result, frames) in counted.items():
        yield _row(name, "params", result.trained, "1", convention, "counted")
        yield _row(name, "macs_per_clip", result.macs, "MAC", convention, "counted")
        yield _row(name, "macs_per_frame", result.macs / frames, "MAC", convention, "counted")


def evaluated_rows(counted: dict[tuple[str, str], tuple[Count, int]]) -> Iterator[dict]:
    """Measurements: true MACs of an evaluated frame, mirrored passes and overlapping windows and all.

    `here`: as this project evaluates, `released`: as the released code of the network does.
    """
    for name in (name for name, convention in counted if convention == "true"):
        model, _ = on_meta(name)
        if model.kind == "lifting":
            macs = counted[name, "true"][0].macs
            passes = {"here": model.passes(flip=True), "released": model.released.passes(model.frames)}
            for convention, share in passes.items():
                yield _row(name, "macs_per_evaluated_frame", float(macs * share), "MAC", convention, "counted")


def memory_rows(variants: Sequence[str]) -> Iterator[dict]:
    """Measurements: the memory of a training step of one clip, in MiB, predicted for those variants that are on video.

    The scan is the one that runs on this machine's CPU: what it keeps for its backward pass is part of the number.
    Fused attention is a reading of its own only where attention is trained: a frozen encoder keeps no scores anyway.
    """
    for name in variants:
        model, clip = on_meta(name, **models.scan_arguments(name, backend_in_use()))
        trained = variant(name)["family"] in ATTENTIVE
        readings = {key: fused for key, fused in PREDICTED.items() if trained or not fused}
        for convention, fused in readings.items() if model.kind == "video" else ():
            needed = predict_memory(model, clip, training=True, fused=fused).total
            yield _row(name, "training_memory", needed / MEBIBYTE, "MiB", convention, "counted")


def write_excluded(counted: dict[tuple[str, str], tuple[Count, int]], path: Path) -> None:
    """Write what each convention left out of each variant, one row an operation, as CSV."""
    rows = [(*key, text) for key, (result, _) in counted.items() for text in result.excluded]
    table = pd.DataFrame(rows, columns=["variant", "convention", "left out"])
    write_whole(path, lambda temporary: table.to_csv(temporary, index=False, lineterminator="\n"))


def time_rows(
    variants: Sequence[str], backend: str, runs: int, warmup: int, threads: int, weighed: Sequence[str] | None = None
) -> Iterator[dict]:
    """Median latency of one clip, its spread, frames a second, and peak memory of a fresh process.

    threads: for lifting models; models on video, which take seconds a clip, are timed with VIDEO_THREADS. weighed: the
    variants whose memory is measured as well, a process each; all without it.
    """
    for name in variants:
        arguments = {"name": name} | models.scan_arguments(name, backend)
        model = models.build(**arguments)
        threads = VIDEO_THREADS if model.kind == "video" else threads
        shape = model.example_shape
        timed = latency(model, torch.zeros(shape), threads, runs, warmup)
        convention = f"median of {runs} after {warmup}, batch 1, {threads} thread{'s' * (threads > 1)}"
        yield _row(name, "latency", 1e3 * timed["median"], "ms", convention)
        yield _row(name, "latency_iqr", 1e3 * timed["iqr"], "ms", convention)
        per_frame = 1e3 * timed["median"] / model.emitted_frames
        yield _row(name, "latency_per_frame", per_frame, "ms", "measured")
        yield _row(name, "throughput", throughput(timed, model.emitted_frames), "frames/s", convention)
        if weighed is not None and name not in weighed:
            continue
        peak = peak_memory("models:build", arguments, shape, threads=threads)["peak"]
        yield _row(name, "peak_memory", peak / MEBIBYTE, "MiB", f"fresh process, batch 1, {threads} threads")


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
