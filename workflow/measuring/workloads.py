"""What is timed against the baseline's own code: run in its tree or in this one, a workload at a time, on demand.

    python -P workflow/measuring/workloads.py < names     # prints the seconds of each, a line a name

Only names that are part of the public face (docs/design.md) are used: an older tree has to have them as well.
"""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch

import models
from models.deform import deform_conv
from models.ssm import selective_scan
from models.ssm.orders import mode_orders

SCAN = {"joints": 17, "channels": 128, "states": 16, "rank": 4}  # a layer of PoseMamba-S
# Of the scan's clip. Gradients of longer ones leave the cache, and where they lie in memory then decides the time.
FRAMES = {False: 81, True: 27}
DEFORM = {"clips": 1, "height": 16, "width": 12, "channels": 64, "groups": 8}
Call = Callable[[], object]


def scan(backward: bool) -> Call:
    """A selective scan in four directions in float32 on the CPU's kernel, perhaps with all gradients."""
    random = torch.Generator().manual_seed(0)
    frames, (joints, E, N, R), K = FRAMES[backward], SCAN.values(), 4
    length = frames * joints
    A = -torch.arange(1.0, N + 1).expand(K, E, N).clone()
    shapes = ((1, length, E), (1, K, length, R), (1, K, length, N), (1, K, length, N), (K, E), (K, E), (K, E, R))
    u, delta, B, C, D, bias, dt_proj = (torch.randn(shape, generator=random) for shape in shapes)
    orders = mode_orders("bidirectional", frames, joints)
    leaves = [x.requires_grad_(backward) for x in (u, delta, A, B, C, D)]

    def call() -> None:
        y = selective_scan(*leaves, delta_bias=bias - 4, orders=orders, dt_proj=dt_proj, backend="cpu")
        if backward:
            torch.autograd.grad(y.sum(), leaves)

    return call


def deform(backward: bool) -> Call:
    """A deformable convolution in float32, perhaps with all gradients."""
    random = torch.Generator().manual_seed(0)
    N, H, W, C, P = DEFORM.values()
    shapes = ((N, H, W, C), (N, H, W, P, 9, 2), (N, H, W, P, 9), (C, C // P, 3, 3), (C,))
    leaves = [torch.randn(shape, generator=random).requires_grad_(backward) for shape in shapes]

    def call() -> None:
        y = deform_conv(*leaves)
        if backward:
            torch.autograd.grad(y.sum(), leaves)

    return call


def network(backward: bool) -> Call:
    """A clip of 27 frames through PoseMamba-S, perhaps with the gradients of its weights."""
    torch.manual_seed(0)
    net = models.build("posemamba-s", frames=27).train(backward)
    clip = torch.randn(1, 27, 17, 2, generator=torch.Generator().manual_seed(0))

    def call() -> None:
        output = net(clip)
        if backward:
            torch.autograd.grad(output.square().mean(), list(net.parameters()))

    return call


MAKERS = {"scan": scan, "deform": deform, "posemamba-s-27": network}
# What of a slower time is still noise: scans that stay in the cache are timed to a hundredth, the others are not
# (docs/regression.md has what was measured).
NOISE = {"scan": 0.03, "deform": 0.06, "posemamba-s-27": 0.06}
WORKLOADS = [f"{name} {work}" for name in MAKERS for work in ("forward", "with backward")]


def noise(workload: str) -> float:
    """By how much of it the time of a workload may grow before it counts as slower."""
    return NOISE[workload.partition(" ")[0]]


def prepare(workload: str) -> Call:
    """The call of a workload by its name, warm."""
    name, _, work = workload.partition(" ")
    backward = work == "with backward"
    call = MAKERS[name](backward)

    def timed() -> None:
        with nullcontext() if backward else torch.inference_mode():
            call()

    for _ in range(3):
        timed()
    return timed


def main() -> None:
    """Answer each line, a workload's name, with its seconds."""
    torch.set_num_threads(1)
    ready: dict[str, Call] = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in ready:
            ready[name] = prepare(name)
        began = time.process_time()  # of the processor: a busy machine takes it away for a while
        ready[name]()
        print(time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
