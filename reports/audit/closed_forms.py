"""Multiply-accumulates of published attention networks in closed form, by their sizes alone.

`plain` counts every linear layer, convolution and matrix product; `thop` what the papers' profiler sees: no attention or
graph products, but 4 operations for each element that a norm reads. Both equal the counts that were recorded from the
released code to the last digit (tests/reports/test_audit.py), so a printed number can be judged without that code.
Symbols: T frames, J joints, L = T J tokens, d width, r MLP ratio, depth N.
"""

from collections.abc import Callable
from typing import NamedTuple

JOINTS = 17
NORM = 4  # operations an element of a norm


class Macs(NamedTuple):
    """Multiply-accumulates of one clip under two conventions."""

    plain: int
    thop: int


def mixste(frames: int, width: int, depth: int, ratio: int) -> Macs:
    """MixSTE: `depth` pairs of a spatial and a temporal attention block, two norms besides a pair."""
    tokens = frames * JOINTS
    linear = 5 * tokens * width + depth * 2 * tokens * _block(width, ratio)
    norms = 6 * depth + 1
    return Macs(linear + depth * _products(frames, width), linear + NORM * norms * tokens * width)


def dstformer(frames: int, width: int, depth: int, ratio: int) -> Macs:
    """MotionBERT's DSTformer: two branches of a spatial and a temporal block, fused by a linear layer."""
    tokens = frames * JOINTS
    linear = depth * (4 * tokens * _block(width, ratio) + 4 * tokens * width) + _tail(tokens, width)
    norms = 8 * depth + 1
    return Macs(linear + 2 * depth * _products(frames, width), linear + NORM * norms * tokens * width)


def motionagformer(frames: int, width: int, depth: int, ratio: int) -> Macs:
    """MotionAGFormer: an attention and a graph branch. Its adjacency is normalised by two dense products a layer."""
    tokens = frames * JOINTS
    attention = 2 * tokens * _block(width, ratio)
    graph = 2 * tokens * (2 * width**2 + 2 * ratio * width**2)
    linear = depth * (attention + graph + 4 * tokens * width) + _tail(tokens, width)
    adjacency = frames * (2 * JOINTS**3 + JOINTS**2 * width) + JOINTS * (2 * frames**3 + 2 * frames**2 * width)
    norms = 10 * depth + 1
    return Macs(
        linear + depth * (_products(frames, width) + adjacency),
        linear + NORM * norms * tokens * width,
    )


def stcformer(frames: int, width: int, depth: int) -> Macs:
    """STCFormer: half of the channels attend over joints, half over frames; a 3 x 3 depthwise convolution a layer."""
    tokens = frames * JOINTS
    linear = 5 * tokens * width + depth * (12 * tokens * width**2 + 9 * tokens * width)
    return Macs(linear + depth * _products(frames, width) // 2, linear + NORM * 2 * depth * tokens * width)


FORMS: dict[str, Callable[..., Macs]] = {
    "mixste": mixste,
    "dstformer": dstformer,
    "motionagformer": motionagformer,
    "stcformer": stcformer,
}


def macs(form: dict, frames: int) -> Macs:
    """Counts of a peer by its `form` in studies/claims.yaml: a name of FORMS and its sizes."""
    sizes = {key: value for key, value in form.items() if key != "name"}
    return FORMS[form["name"]](frames, **sizes)


def _block(width: int, ratio: int) -> int:
    """Linear layers of an attention block, for a token: q, k, v and output, and the MLP."""
    return 4 * width**2 + 2 * ratio * width**2


def _products(frames: int, width: int) -> int:
    """Both attention products, once over joints and once over frames."""
    return 2 * frames * JOINTS**2 * width + 2 * JOINTS * frames**2 * width


def _tail(tokens: int, width: int) -> int:
    """Embedding of three channels, then width -> 512 -> 3."""
    return 3 * tokens * width + 512 * tokens * width + 3 * 512 * tokens
