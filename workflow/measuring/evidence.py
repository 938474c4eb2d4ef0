"""Evidence for the audit that comes from running code: small experiments on networks, orders and losses, no data.

`python -m workflow.measuring.evidence` prints all of it, with `limb-gradient` behind it that one experiment. What it
means, and what the papers say, stands in reports/audit; here are only numbers.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import models
from base.errors import InputError, left_out
from base.files import write_text
from base.terminal import command
from metrics import lifting
from metrics.efficiency import count_under
from models.lifting.graphs import directed_adjacency, spatial_adjacency
from models.ssm.orders import mode_orders
from training.losses import mpjpe, n_mpjpe
from workflow.measuring.meta import on_meta

TINY = {"frames": 9, "width": 16, "depth": 2, "drop_path": 0.0, "backend": "reference"}
FRAMES, JOINTS = 243, 17


def limb_gradient() -> dict:
    """Hand-written gradients of scans against their derivative: without added neighbours, and with two papers' own.

    The backward pass does what the released lines do: it takes the four sequences apart and hands on what reaches each
    token, so that nothing reaches the joint whose feature was added to it.
    """
    none = torch.empty(0, JOINTS, dtype=torch.long)
    near = {"none": none} | {name: _neighbours(name) for name in ("posemamba-s", "sasmamba")}
    return {name: _against_the_derivative(joints) for name, joints in near.items()}


def limb_order() -> dict:
    """Whether the limb scan visits tokens in another order than the bidirectional scan, and which joints it reads."""
    ours, plain = (mode_orders(mode, FRAMES, JOINTS) for mode in ("global-local", "bidirectional"))
    near = _neighbours("posemamba-s")[0].tolist()
    return {
        "same_order": bool(torch.equal(ours, plain)),
        "joints_in_the_first_frame": (ours[0, :JOINTS] % JOINTS).tolist(),
        "joint_added_to_each": near,
        "joints_never_added": sorted(set(range(JOINTS)) - set(near)),
        "joints_added_to_themselves": [j for j, other in enumerate(near) if j == other],
    }


def scale_term() -> dict:
    """What the loss term with weight 0.5 sees: a change of scale, and a change of depth that no 2D loss could see."""
    random = torch.Generator().manual_seed(0)
    target, prediction = (torch.randn(2, 9, JOINTS, 3, generator=random, dtype=torch.float64) for _ in range(2))
    deeper = prediction.clone()
    deeper[..., 2] += 0.5 * torch.randn(deeper.shape[:-1], generator=random, dtype=torch.float64)
    terms = {
        "as_is": prediction,
        "scaled_by_1.3": 1.3 * prediction,
        "only_depth_changed": deeper,
    }
    return {name: {"n_mpjpe": n_mpjpe(x, target).item(), "mpjpe": mpjpe(x, target).item()} for name, x in terms.items()}


def depth_only() -> dict:
    """P1 of poses that are 30 mm off sideways, 40 mm in depth, or both: as they are, and with x and y overwritten."""
    truth = np.random.default_rng(0).normal(0, 300, (9, JOINTS, 3))
    truth -= truth[:, :1]
    errors = {"30 mm sideways": (30, 0, 0), "40 mm in depth": (0, 0, 40), "both": (30, 0, 40)}
    p1 = {}
    for name, error in errors.items():
        predicted = truth + error * (np.arange(JOINTS) > 0)[:, None]
        overwritten = np.concatenate([truth[..., :2], predicted[..., 2:]], -1)
        p1[name] = [float(lifting.mpjpe(x, truth).mean() * JOINTS / (JOINTS - 1)) for x in (predicted, overwritten)]
    return p1


def uncounted() -> dict:
    """What the papers' profiler leaves out of a network's counts, and what it counts that is none: part by part."""
    return {variant: _uncounted(variant) for variant in ("posemamba-s", "sasmamba")}


def released_graphs() -> dict:
    """Edges of two joint graphs that their skeleton does not have, or has in one direction only."""
    one_way = spatial_adjacency().bool()
    bones, hdformer = (directed_adjacency(root_edge=extra)[1].bool() for extra in (False, True))
    return {
        "motionagformer_one_way": (one_way & ~one_way.T).nonzero().tolist(),
        "motionagformer_own_neighbours": int(one_way.diagonal().sum()),
        "hdformer_extra": (hdformer & ~bones).nonzero().tolist(),
    }


def layer_scales_in_a_list() -> dict:
    """What a module knows of parameters that it keeps in a plain list: nothing, so no optimiser trains them."""
    holder = nn.Module()
    holder.scales = [nn.Parameter(torch.full((4,), 1e-5)) for _ in range(6)]
    return {"kept": len(holder.scales), "trained": len(list(holder.parameters())), "saved": len(holder.state_dict())}


def loss_times_itself() -> dict:
    """The gradient of a loss that is handed its own value as the gradient that reaches it, in terms of the loss's."""
    leaf = torch.ones(3, requires_grad=True)
    loss = (0.3 * leaf).square().mean()
    own = torch.autograd.grad(loss, leaf, loss.detach(), retain_graph=True)[0]
    true = torch.autograd.grad(loss, leaf)[0]
    return {"loss": loss.item(), "gradient_times": float((own / true).mean())}


def in_place_sum() -> dict:
    """What this PyTorch says of a sum in place on what a ReLU gave."""
    x = torch.ones(3, requires_grad=True).relu()
    x += 1
    try:
        x.sum().backward()
        return {"torch": torch.__version__, "refused": False}
    except RuntimeError:
        return {"torch": torch.__version__, "refused": True}


EXPERIMENTS: dict[str, Callable[[], dict]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        *(limb_gradient, limb_order, scale_term, depth_only, uncounted, released_graphs),
        *(layer_scales_in_a_list, loss_times_itself, in_place_sum),
    )
}


def gather(names: list[str] | None = None, lenient: bool = False) -> dict[str, dict]:
    """What the experiments of those names find; all of them by default. Raises InputError for an unknown name.

    lenient : leave out an experiment that fails
    """
    names = names or list(EXPERIMENTS)
    for name in names:
        if name not in EXPERIMENTS:
            raise InputError(f"no experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    findings = {}
    for name in names:
        with left_out(f"evidence {name}", lenient):
            findings[name] = EXPERIMENTS[name]()
    return findings


def write_evidence(path: Path, lenient: bool = False) -> None:
    """Write what all experiments find as JSON; lenient: as `gather`."""
    write_text(path, json.dumps(gather(lenient=lenient), indent=1) + "\n")


def _neighbours(variant: str) -> Tensor:
    """Indices, (K, J), of the joints whose features a network's spatial scan adds to each joint."""
    return models.build(variant, **TINY).space_blocks[0].mixer.neighbours


def _uncounted(variant: str) -> dict:
    paper, true = count_under(("paper", "true"), *on_meta(variant)).values()
    counts = {c.convention: {"params": c.trained, "macs": c.macs} for c in (paper, true)}
    return counts | {
        "missed": {of: _difference(getattr(true.parts, of), getattr(paper.parts, of)) for of in ("params", "macs")}
    }


def _difference(parts: Mapping[str, int], others: Mapping[str, int]) -> dict[str, int]:
    """By how much parts are more than others; those that are alike are left out."""
    more = {part: parts.get(part, 0) - others.get(part, 0) for part in {**parts, **others}}
    return {part: n for part, n in more.items() if n}


def _sequences(x: Tensor, near: Tensor) -> Tensor:
    """Tokens (..., T, J) in joint order with the features of `near` added, in frame order, and both backwards."""
    space = (x + x[..., near].sum(-2)).flatten(-2)
    one_way = torch.stack([space, x.mT.flatten(-2)])
    return torch.cat([one_way, one_way.flip(-1)])


class _Scan(torch.autograd.Function):
    """`_sequences` with the backward pass that released code writes by hand."""

    @staticmethod
    def forward(ctx, x: Tensor, near: Tensor) -> Tensor:
        ctx.shape = x.shape
        return _sequences(x, near)

    @staticmethod
    def backward(ctx, *reached: Tensor) -> tuple[Tensor | None, ...]:
        space, time = reached[0][:2] + reached[0][2:].flip(-1)
        *lead, frames, joints = ctx.shape
        return space.view(ctx.shape) + time.view(*lead, joints, frames).mT, None


def _against_the_derivative(near: Tensor) -> dict:
    """Whether the hand-written gradient of a scan passes PyTorch's check, and how far it is off the derivative."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, JOINTS, generator=random, dtype=torch.float64, requires_grad=True)
    reached = torch.randn(4, 2, 3 * JOINTS, generator=random, dtype=torch.float64)
    hand = torch.autograd.grad(_Scan.apply(x, near), x, reached)[0]
    derivative = torch.autograd.functional.vjp(lambda x: _sequences(x, near), x, reached)[1]
    passes = torch.autograd.gradcheck(lambda x: _Scan.apply(x, near), (x,), raise_exception=False)
    return {"passes": bool(passes), "off_by": float((hand - derivative).norm() / derivative.norm())}


if __name__ == "__main__":
    usage = "python -m workflow.measuring.evidence [FINDING ...]    what the audit finds out by running code, as JSON"
    command(lambda names: print(json.dumps(gather(names), indent=1)), usage)
