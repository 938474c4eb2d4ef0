"""Time and memory of variants on this machine, always at full paper size."""

from collections.abc import Collection, Iterator, Sequence

import torch

import models
from metrics.efficiency import MEBIBYTE, Latency, in_fresh_process, latency
from models import deform
from models.ssm import backend_in_use
from studies.data import VIDEO
from studies.measurements import Measurement
from training.provenance import device_name, revision
from workflow.measuring.meta import on_meta

VIDEO_THREADS = 2


def time_rows(
    variants: Sequence[str],
    backend: str,
    runs: int,
    seconds: float,
    threads: int,
    weighed: Collection[str] | None = None,
) -> Iterator[Measurement]:
    """Median latency of one clip, its spread, frames a second, and peak memory of a fresh process.

    runs, seconds: as of `metrics.timing.latency`. threads: for lifting models; models on video, which take seconds a
    clip, are timed with VIDEO_THREADS. weighed: the variants whose memory is measured as well, all without it; each is
    timed in the process in which it is weighed.
    """
    backend_in_use(backend), deform.describe()  # kernels are built where they never ran
    for name in variants:
        model, clip = on_meta(name)
        used = VIDEO_THREADS if model.kind == VIDEO else threads
        how = {"threads": used, "runs": runs, "seconds": seconds}
        arguments, peak = {"name": name} | models.scan_arguments(name, backend), None
        if weighed is None or name in weighed:
            peak, timed = in_fresh_process("models:build", arguments, clip.shape, **how)
        else:
            timed = latency(models.build(**arguments), torch.zeros(clip.shape), **how)
        yield from _rows(name, model.emitted_frames, used, timed, peak)


def _rows(variant: str, frames: int, threads: int, timed: Latency, peak: int | None) -> Iterator[Measurement]:
    """frames: of a clip that get poses; peak: in bytes."""
    used = f"batch 1, {threads} thread{'s' * (threads > 1)}"
    convention = f"median of {len(timed.seconds)} runs{' after 1 warm-up' * timed.before}, {used}"
    yield _measurement(variant, "latency", 1e3 * timed.median, "ms", convention)
    yield _measurement(variant, "latency_iqr", 1e3 * timed.iqr, "ms", convention)
    yield _measurement(variant, "latency_per_frame", 1e3 * timed.median / frames, "ms", "measured")
    yield _measurement(variant, "throughput", timed.throughput(frames), "frames/s", convention)
    if peak is not None:
        yield _measurement(variant, "peak_memory", peak / MEBIBYTE, "MiB", f"fresh process, {used}")


def _measurement(variant: str, metric: str, value: float, unit: str, convention: str) -> Measurement:
    return Measurement(
        scale="paper",
        variant=variant,
        metric=metric,
        value=value,
        unit=unit,
        convention=convention,
        device=device_name(),
        revision=revision(),
    )
