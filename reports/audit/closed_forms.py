"""Multiply-accumulates of published networks in closed form, by their sizes alone.

`plain` counts every linear layer, convolution and matrix product, and of scans 2 a channel, state, direction and token;
`thop` what the papers' profiler sees: no attention or graph products and no scans, but 4 operations for each element that
a norm reads. Both equal what our counters say of the networks to the last digit (tests/models/test_peers.py).
Symbols: T frames, J joints, L = T J tokens, d width, r MLP ratio, depth N.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from studies.claims import Form

JOINTS = 17
STATES = 16
NORM = 4  # operations an element of a norm


class Macs(NamedTuple):
    """Multiply-accumulates of one clip under two conventions."""

    plain: int
    thop: int


def mixste(frames: int, width: int, depth: int, ratio: int = 2) -> Macs:
    """MixSTE: `depth` pairs of a spatial and a temporal attention block, two norms besides a pair."""
    tokens = frames * JOINTS
    linear = 5 * tokens * width + depth * 2 * tokens * _block(width, ratio)
    norms = 6 * depth + 1
    return Macs(linear + depth * _products(frames, width), linear + NORM * norms * tokens * width)


def dstformer(frames: int, width: int, depth: int, ratio: int = 2) -> Macs:
    """MotionBERT's DSTformer: two branches of a spatial and a temporal block, fused by a linear layer."""
    tokens = frames * JOINTS
    linear = depth * (4 * tokens * _block(width, ratio) + 4 * tokens * width) + _tail(tokens, width)
    norms = 8 * depth + 1
    return Macs(linear + 2 * depth * _products(frames, width), linear + NORM * norms * tokens * width)


def motionagformer(frames: int, width: int, depth: int, ratio: int = 4) -> Macs:
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


def stampose(frames: int, width: int, depth: int, ratio: int = 2) -> Macs:
    """STAMPose: attention over joints, and two scans along time beside a branch that is only convolved."""
    tokens, d, inner, rank = frames * JOINTS, width, 2 * width, math.ceil(width / 16)
    seen = _block(d, ratio) + 2 * d * inner + 6 * inner + 2 * inner * d + 2 * ratio * d**2
    scanned = 2 * ((rank + 2 * STATES) * inner + rank * inner + 2 * inner * STATES)
    linear = 5 * tokens * d + depth * tokens * seen
    norms = 8 * depth + 1
    plain = linear + depth * tokens * (2 * JOINTS * d + scanned)
    return Macs(plain, linear + NORM * norms * tokens * d)


def hgmamba(frames: int, width: int, depth: int, ratio: int = 4) -> Macs:
    """HGMamba: two Mambas there and back, whose projections no profiler of layers sees, beside two graphs."""
    tokens, d, inner, rank = frames * JOINTS, width, 2 * width, math.ceil(width / 16)
    seen = 4 * 2 * ratio * d**2 + 4 * d**2 + 4 * d
    kernel = 4 * ((tokens + 3) * 4 * inner + tokens * (inner * (rank + 2 * STATES) + rank * inner + 2 * inner * STATES))
    graphs = frames * JOINTS**2 * d + JOINTS**3 + JOINTS * (2 * frames**3 + 2 * frames**2 * d)
    linear = depth * tokens * seen + _tail(tokens, d)
    norms = 10 * depth + 2
    plain = linear + depth * (2 * tokens * 6 * d**2 + kernel + graphs)
    return Macs(plain, linear + NORM * norms * tokens * d)


def einfalt(seen: int) -> int:
    """Einfalt et al. with 71 tokens, `seen` of them with key points: every product of a pass.

    A joint transformer of width 32 on the seen frames, one of width 384 over all tokens, a head for the sequence, and
    three strided blocks 71 -> 23 -> 3 -> 1 without padding. Source: the network's released code (docs/peers.md).
    """
    narrow, wide, tokens = 32, 384, 71
    joints = seen * JOINTS * (2 * narrow + 4 * _block(narrow, 2) + narrow * wide) + seen * 4 * 2 * JOINTS**2 * narrow
    time = 4 * (tokens * _block(wide, 2) + 2 * tokens**2 * wide) + tokens * 3 * JOINTS * wide
    strided = 0
    for before, after in ((71, 23), (23, 3), (3, 1)):
        attention = before * 4 * wide**2 + 2 * before**2 * wide
        strided += attention + before * 2 * wide**2 + after * 3 * 2 * wide**2
    return joints + time + strided + 3 * JOINTS * wide


FORMS: dict[str, Callable[..., Macs]] = {
    "mixste": mixste,
    "dstformer": dstformer,
    "motionagformer": motionagformer,
    "stcformer": stcformer,
    "stampose": stampose,
    "hgmamba": hgmamba,
}


def macs(form: Form, frames: int) -> Macs:
    """Counts of a peer by its `form` in studies/claims.yaml."""
    ratio = {} if form.ratio is None else {"ratio": form.ratio}
    return FORMS[form.name](frames, form.width, form.depth, **ratio)


def _block(width: int, ratio: int) -> int:
    """Linear layers of an attention block, for a token: q, k, v and output, and the MLP."""
    return 4 * width**2 + 2 * ratio * width**2


def _products(frames: int, width: int) -> int:
    """Both attention products, once over joints and once over frames."""
    return 2 * frames * JOINTS**2 * width + 2 * JOINTS * frames**2 * width


def _tail(tokens: int, width: int) -> int:
    """Embedding of three channels, then width -> 512 -> 3."""
    return 3 * tokens * width + 512 * tokens * width + 3 * 512 * tokens
