"""Efficiency of variants, always at full paper size: counts on the meta device, time and memory for real."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

import models
from base.files import write_csv
from metrics.efficiency import CONVENTIONS, MEBIBYTE, Count, count_under, latency, peak_memory, predict_memory
from models.ssm import backend_in_use
from studies.measurements import Measurement
from studies.variants import variant
from training.provenance import device_name, revision

# fvcore runs the network, on zeros, which takes minutes for some of those on video, and does not see fused attention,
# which the peers are made of: it counts those families alone.
TRACED = ("baselines", "posemamba", "sasmamba")
# Whether attention is fused. `predicted` is the reading that is held against a printed "OOM": without a fused kernel.
PREDICTED = {"predicted": False, "predicted-fused": True}
ATTENTIVE = ("vitpose", "video-transformer")  # families that train layers of attention
VIDEO_THREADS = 2
COUNTED = "counted"  # the device of what no device computed


@dataclass(frozen=True)
class Counted:
    """A variant's count under a convention; frames: those that a clip gets poses for."""

    variant: str
    count: Count
    frames: int


def count_all(variants: Sequence[str], conventions: Sequence[str] = tuple(CONVENTIONS)) -> list[Counted]:
    """Count variants under every convention of their kind."""
    counted = []
    for name in variants:
        model, clip = on_meta(name)
        chosen = [c for c in conventions if c != "fvcore" or variant(name).family in TRACED]
        frames = model.emitted_frames
        counted += [Counted(name, count, frames) for count in count_under(chosen, model, clip).values()]
    return counted


def on_meta(name: str, **overrides: object) -> tuple[nn.Module, Tensor]:
    """A variant and one clip for it, shapes only."""
    with torch.device("meta"):
        model = models.build(name, **overrides)
        return model, torch.empty(model.example_shape)


def count_rows(counted: Sequence[Counted]) -> Iterator[Measurement]:
    """Trainable parameters, MACs a clip, MACs an evaluated frame."""
    for c in counted:
        under = c.count.convention
        yield _measurement(c.variant, "params", c.count.trained, "1", under, COUNTED)
        yield _measurement(c.variant, "macs_per_clip", c.count.macs, "MAC", under, COUNTED)
        yield _measurement(c.variant, "macs_per_frame", c.count.macs / c.frames, "MAC", under, COUNTED)


def evaluated_rows(counted: Sequence[Counted]) -> Iterator[Measurement]:
    """True MACs of an evaluated frame, mirrored passes and overlapping windows and all.

    `here`: as this project evaluates, `released`: as the released code of the network does.
    """
    for c in (c for c in counted if c.count.convention == "true"):
        model, _ = on_meta(c.variant)
        if model.kind == "lifting":
            passes = {"here": model.passes(flip=True), "released": model.released.passes(model.frames)}
            for convention, share in passes.items():
                macs = float(c.count.macs * share)
                yield _measurement(c.variant, "macs_per_evaluated_frame", macs, "MAC", convention, COUNTED)


def memory_rows(variants: Sequence[str]) -> Iterator[Measurement]:
    """The memory of a training step of one clip, in MiB, predicted for those variants that are on video.

    The scan is the one that runs on this machine's CPU: what it keeps for its backward pass is part of the number.
    Fused attention is a reading of its own only where attention is trained: a frozen encoder keeps no scores anyway.
    """
    for name in variants:
        model, clip = on_meta(name, **models.scan_arguments(name, backend_in_use()))
        trained = variant(name).family in ATTENTIVE
        readings = {key: fused for key, fused in PREDICTED.items() if trained or not fused}
        for convention, fused in readings.items() if model.kind == "video" else ():
            needed = predict_memory(model, clip, training=True, fused=fused).total
            yield _measurement(name, "training_memory", needed / MEBIBYTE, "MiB", convention, COUNTED)


def write_excluded(counted: Sequence[Counted], path: Path) -> None:
    """Write what each convention left out of each variant, one row an operation, as CSV."""
    rows = [(c.variant, c.count.convention, operation) for c in counted for operation in c.count.excluded]
    table = pd.DataFrame(rows, columns=["variant", "convention", "left out"])
    write_csv(path, table)


def time_rows(
    variants: Sequence[str], backend: str, runs: int, warmup: int, threads: int, weighed: Collection[str] | None = None
) -> Iterator[Measurement]:
    """Median latency of one clip, its spread, frames a second, and peak memory of a fresh process.

    threads: for lifting models; models on video, which take seconds a clip, are timed with VIDEO_THREADS. weighed: the
    variants whose memory is measured as well, a process each; all without it.
    """
    for name in variants:
        arguments = {"name": name} | models.scan_arguments(name, backend)
        model = models.build(**arguments)
        used = VIDEO_THREADS if model.kind == "video" else threads
        shape, frames = model.example_shape, model.emitted_frames
        timed = latency(model, torch.zeros(shape), used, runs, warmup)
        convention = f"median of {runs} after {warmup}, batch 1, {used} thread{'s' * (used > 1)}"
        yield _measurement(name, "latency", 1e3 * timed.median, "ms", convention)
        yield _measurement(name, "latency_iqr", 1e3 * timed.iqr, "ms", convention)
        yield _measurement(name, "latency_per_frame", 1e3 * timed.median / frames, "ms", "measured")
        yield _measurement(name, "throughput", timed.throughput(frames), "frames/s", convention)
        if weighed is None or name in weighed:
            peak = peak_memory("models:build", arguments, shape, threads=used) / MEBIBYTE
            yield _measurement(name, "peak_memory", peak, "MiB", f"fresh process, batch 1, {used} threads")


def _measurement(
    variant: str, metric: str, value: float, unit: str, convention: str, device: str | None = None
) -> Measurement:
    return Measurement(
        scale="paper",
        variant=variant,
        metric=metric,
        value=value,
        unit=unit,
        convention=convention,
        device=device or device_name(),
        revision=revision(),
    )
