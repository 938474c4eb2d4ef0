"""Counts of variants, always at full paper size: nothing is computed, apart from what fvcore traces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import models
from metrics.counting import CONVENTIONS, TOLD_APART, Count, count_under
from metrics.memory import MEBIBYTE
from metrics.prediction import predict_memory
from metrics.watching import FROZEN
from models.contract import PoseModel
from models.ssm import backend_in_use
from studies.data import LIFTING, VIDEO
from studies.measurements import CountPart, Measurement
from studies.variants import variant
from training.provenance import revision
from workflow.measuring.meta import on_meta

# fvcore runs the network, on zeros, which takes minutes for some of those on video, and does not see fused attention,
# which the peers are made of: it counts those families alone.
TRACED = ("baselines", "posemamba", "sasmamba")
# Whether attention is fused. `predicted` is the reading that is held against a printed "OOM": without a fused kernel.
PREDICTED = {"predicted": False, "predicted-fused": True}
ATTENTIVE = ("vitpose", "video-transformer")  # families that train layers of attention
COUNTED = "counted"  # the device of what no device computed


@dataclass(frozen=True)
class Counted:
    """A variant's count under a convention.

    frames : those that a clip gets poses for
    passes : forward passes for an evaluated frame, by who evaluates; none of networks on video
    """

    variant: str
    count: Count
    frames: int
    passes: Mapping[str, Fraction]


def count_all(variants: Sequence[str], conventions: Sequence[str] = tuple(CONVENTIONS)) -> list[Counted]:
    """Count variants under every convention of their kind."""
    counted = []
    for name in variants:
        model, clip = on_meta(name)
        chosen = [c for c in conventions if c != "fvcore" or variant(name).family in TRACED]
        about = model.emitted_frames, _passes(model)
        counted += [Counted(name, count, *about) for count in count_under(chosen, model, clip).values()]
    return counted


def _passes(model: PoseModel) -> dict[str, Fraction]:
    """`here`: as this project evaluates, `released`: as the released code of the network does."""
    if model.kind != LIFTING:
        return {}
    return {"here": model.passes(flip=True), "released": model.released.passes(model.frames)}


def count_rows(counted: Sequence[Counted]) -> Iterator[Measurement]:
    """Trainable parameters, MACs a clip, MACs an evaluated frame."""
    for c in counted:
        under = c.count.convention
        yield _measurement(c.variant, "params", c.count.trained, "1", under)
        yield _measurement(c.variant, "macs_per_clip", c.count.macs, "MAC", under)
        yield _measurement(c.variant, "macs_per_frame", c.count.macs / c.frames, "MAC", under)


def evaluated_rows(counted: Sequence[Counted]) -> Iterator[Measurement]:
    """True MACs of an evaluated frame, mirrored passes and overlapping windows and all, by who evaluates."""
    for c in (c for c in counted if c.count.convention == "true"):
        for convention, share in c.passes.items():
            macs = float(c.count.macs * share)
            yield _measurement(c.variant, "macs_per_evaluated_frame", macs, "MAC", convention)


def memory_rows(variants: Sequence[str]) -> Iterator[Measurement]:
    """The memory of a training step of one clip, in MiB, predicted for those variants that are on video.

    The scan is the one that runs on this machine's CPU: what it keeps for its backward pass is part of the number.
    Fused attention is a reading of its own only where attention is trained: a frozen encoder keeps no scores anyway.
    """
    for name in variants:
        model, clip = on_meta(name, **models.scan_arguments(name, backend_in_use()))
        trained = variant(name).family in ATTENTIVE
        readings = {key: fused for key, fused in PREDICTED.items() if trained or not fused}
        for convention, fused in readings.items() if model.kind == VIDEO else ():
            needed = predict_memory(model, clip, training=True, fused=fused).total
            yield _measurement(name, "training_memory", needed / MEBIBYTE, "MiB", convention)


def part_rows(counted: Sequence[Counted]) -> Iterator[CountPart]:
    """What each count is made of; frozen weights are no part where the measurement is of the trained ones."""
    for c in counted:
        about, parts = (c.variant, c.count.convention), c.count.parts
        trained = {
            kind: n for kind, n in parts.params.items() if kind != FROZEN or c.count.convention not in TOLD_APART
        }
        for metric, of in (("params", trained), ("macs_per_clip", parts.macs)):
            yield from (CountPart(*about, metric, part, n) for part, n in of.items())


def left_out_rows(counted: Sequence[Counted]) -> Iterator[tuple[str, str, str]]:
    """What each convention left out of each variant: variant, convention, operation."""
    for c in counted:
        yield from ((c.variant, c.count.convention, operation) for operation in c.count.excluded)


def _measurement(variant: str, metric: str, value: float, unit: str, convention: str) -> Measurement:
    return Measurement(
        scale="paper",
        variant=variant,
        metric=metric,
        value=value,
        unit=unit,
        convention=convention,
        device=COUNTED,
        revision=revision(),
    )
