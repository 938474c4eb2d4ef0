"""Evidence for the audit that comes from running code: small experiments on networks, orders and losses, no data.

`python -m workflow.evidence` prints all of it, `python -m workflow.evidence limb-gradient` one experiment. What it
means, and what the papers say, stands in reports/audit; here are only numbers.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import models
from metrics.efficiency import count_under
from models.lifting.graphs import directed_adjacency, spatial_adjacency
from models.ssm.orders import mode_orders
from studies.errors import InputError, left_out
from studies.files import write_text
from studies.terminal import command
from training.losses import mpjpe, n_mpjpe
from workflow.efficiency import on_meta

TINY = {"frames": 9, "width": 16, "depth": 2, "drop_path": 0.0, "backend": "reference"}
FRAMES, JOINTS = 243, 17


def limb_gradient() -> dict:
    """Gradients by the input of a tiny net: as published, and exactly; relative difference, and that of the outputs."""
    return {name: _gradient_error(name) for name in ("posemamba-s", "sasmamba")}


def limb_order() -> dict:
    """Whether the limb scan visits tokens in another order than the bidirectional scan, and which joints it reads."""
    ours, plain = (mode_orders(mode, FRAMES, JOINTS) for mode in ("global-local", "bidirectional"))
    net = models.build("posemamba-s", **TINY)
    near = net.space_blocks[0].mixer.neighbours[0].tolist()
    return {
        "same_order": bool(torch.equal(ours, plain)),
        "joints_in_the_first_frame": (ours[0, :JOINTS] % JOINTS).tolist(),
        "joint_added_to_each": near,
        "joints_never_added": sorted(set(range(JOINTS)) - set(near)),
        "joints_added_to_themselves": [j for j, other in enumerate(near) if j == other],
    }


def one_sequence() -> dict:
    """How far a spatial scan reaches: tokens in one sequence, and whether the last frame still sees the first."""
    net = models.build("posemamba-s", **TINY).double().eval()
    scan = net.space_blocks[0].mixer
    random = torch.Generator().manual_seed(0)
    tokens = torch.randn(1, 9 * JOINTS, 2 * TINY["width"], generator=random, dtype=torch.float64)
    touched = tokens.clone()
    touched[:, 0] += 1
    with torch.no_grad():
        # The temporal directions read zeros, so that only the spatial ones can carry anything.
        before, after = (scan.scan(x, torch.zeros_like(x), 9, JOINTS)[0, -1] for x in (tokens, touched))
    return {
        "tokens_in_a_sequence": mode_orders("global-local", FRAMES, JOINTS).shape[1],
        "reaches_the_last_frame": bool((before - after).abs().max() > 0),
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


def drop_path() -> dict:
    """Largest rate at which paths are dropped in training, though every published configuration says dropout 0."""
    net = models.build("posemamba-s")
    rates = [block.drop_path for block in [*net.space_blocks, *net.time_blocks]]
    return {"largest": max(rates), "blocks_with_any": sum(rate > 0 for rate in rates), "blocks": len(rates)}


def first_norm() -> dict:
    """Modules of PoseMamba before its first block: eq. 9 has a norm there."""
    names = [
        name for name, module in models.build("posemamba-s", **TINY).named_children() if name.endswith("embedding")
    ]
    net = models.build("posemamba-s", **TINY).eval()
    seen: list[float] = []
    net.space_blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(float(inputs[0].std(-1).mean())))
    with torch.no_grad():
        net(100 * torch.randn(1, 9, JOINTS, 2, generator=torch.Generator().manual_seed(0)))
    return {"before_the_first_block": names, "deviation_of_its_input_for_inputs_of_100": seen[0]}


def uncounted() -> dict:
    """What the papers' profiler leaves out of a network's counts: operations and parameters by name."""
    found = {}
    for variant in ("posemamba-s", "sasmamba", "glsmamba-b"):
        net, clip = on_meta(variant)
        counted = count_under(("paper", "true"), net, clip)
        found[variant] = {rule: {"params": c.trained, "macs": c.macs} for rule, c in counted.items()}
        found[variant]["left_out"] = [str(text) for text in counted["paper"].excluded]
    return found


def released_graphs() -> dict:
    """Edges of the peers' joint graphs that their skeleton does not have, or has in one direction only."""
    one_way = spatial_adjacency().bool()
    bones, hdformer = (directed_adjacency(root_edge=extra)[1].bool() for extra in (False, True))
    return {
        "motionagformer_one_way": (one_way & ~one_way.T).nonzero().tolist(),
        "motionagformer_own_neighbours": int(one_way.diagonal().sum()),
        "hdformer_extra": (hdformer & ~bones).nonzero().tolist(),
    }


def mended() -> dict:
    """Slips of released training codes that are mended here: what each of them does."""
    leaf = torch.ones(3, requires_grad=True)
    try:
        x = leaf.relu()
        x += 1  # KTPFormer's positions
        x.sum().backward()
        in_place = "backward works"
    except RuntimeError:
        in_place = "backward is refused"
    loss = (3 * leaf).square().mean()
    own = torch.autograd.grad(loss, leaf, loss.detach(), retain_graph=True)[0]  # MixSTE's and KTPFormer's loss
    true = torch.autograd.grad(loss, leaf)[0]
    tiny = {"frames": 9, "width": 16, "depth": 2}
    lost, kept = (models.build("tcpformer", **tiny, scales=scales) for scales in ("released", "trained"))
    return {
        "in_place": in_place,
        "gradient_times": float((own / true).mean()),
        "loss": loss.item(),
        "scales_left_out": len(kept.state_dict()) - len(lost.state_dict()),
        "blocks": tiny["depth"],
    }


EXPERIMENTS: dict[str, Callable[[], dict]] = {
    "limb-gradient": limb_gradient,
    "limb-order": limb_order,
    "one-sequence": one_sequence,
    "scale-term": scale_term,
    "drop-path": drop_path,
    "first-norm": first_norm,
    "uncounted": uncounted,
    "released-graphs": released_graphs,
    "mended": mended,
}


def gather(names: list[str] | None = None, lenient: bool = False) -> dict[str, dict]:
    """What the experiments of those names find; all of them by default. Raises InputError for an unknown name.

    lenient : leave out an experiment that fails
    """
    names = names or list(EXPERIMENTS)
    for name in names:
        if name not in EXPERIMENTS:
            raise InputError(f"no experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    found = {}
    for name in names:
        with left_out(f"evidence {name}", lenient):
            found[name] = EXPERIMENTS[name]()
    return found


def write_evidence(path: Path, lenient: bool = False) -> None:
    """Write what all experiments find as JSON; lenient: as `gather`."""
    write_text(path, json.dumps(gather(lenient=lenient), indent=1) + "\n")


def _gradient_error(variant: str) -> dict:
    nets = [_tiny(variant, gradient) for gradient in ("published", "exact")]
    clip = torch.randn(1, 9, JOINTS, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    outputs, gradients = zip(*(_output_and_gradient(net, clip) for net in nets), strict=True)
    published, exact = gradients
    return {
        "relative_error": float((published - exact).norm() / exact.norm()),
        "same_output": bool(torch.equal(*outputs)),
    }


def _tiny(variant: str, gradient: str) -> nn.Module:
    torch.manual_seed(0)
    return models.build(variant, **TINY, gradient=gradient).double().eval()


def _output_and_gradient(net: nn.Module, clip: Tensor) -> tuple[Tensor, Tensor]:
    leaf = clip.clone().requires_grad_()
    output = net(leaf)
    output.square().mean().backward()
    return output.detach(), leaf.grad


if __name__ == "__main__":
    usage = "python -m workflow.evidence [FINDING ...]    what the audit finds out by running code, as JSON"
    command(lambda names: print(json.dumps(gather(names), indent=1)), usage)
