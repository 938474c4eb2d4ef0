"""The optimiser takes the very steps of `torch.optim`, and goes on where it stopped."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from studies.recipes import recipes
from training.optimiser import Optimiser

RATES = [1e-2, 1e-2, 3e-3, 1e-3]
THEIRS = {"adamw": torch.optim.AdamW, "adam-amsgrad": lambda *a, **k: torch.optim.Adam(*a, amsgrad=True, **k)}


def model() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 2))
    net[2].bias.requires_grad_(False)  # frozen
    net.register_parameter("idle", nn.Parameter(torch.ones(2)))  # trained, but never has a gradient
    return net


def backward(net: nn.Module, step: int) -> None:
    net(torch.randn(7, 3, generator=torch.Generator().manual_seed(step))).square().mean().backward()


@pytest.mark.parametrize("name", THEIRS)
def test_steps_are_those_of_torch(name: str) -> None:
    ours, theirs = model(), model()
    recipe = replace(recipes()["baseline"], optimiser=name, weight_decay=0.1)
    optimiser = Optimiser(ours.parameters(), recipe)
    reference = THEIRS[name]([p for p in theirs.parameters() if p.requires_grad], weight_decay=0.1, fused=True)
    for step, rate in enumerate(RATES):
        if step == 2:  # as after a kill
            state = optimiser.state_dict()
            optimiser = Optimiser(ours.parameters(), recipe)
            optimiser.load_state_dict(state)
        backward(ours, step)
        optimiser.step(rate)
        assert all(p.grad is None for p in ours.parameters())
        reference.param_groups[0]["lr"] = rate
        reference.zero_grad()
        backward(theirs, step)
        reference.step()
    for (key, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.equal(p, q), key
    assert torch.equal(ours.idle, torch.ones(2))


STEP = """
import sys, torch
from studies.recipes import recipes
from training.optimiser import Optimiser

net = torch.nn.Linear(2, 2)
torch.set_deterministic_debug_mode("error")
net(torch.ones(1, 2)).sum().backward()
Optimiser(net.parameters(), recipes()["posemamba"]).step(0.1)
print("torch._dynamo" in sys.modules, torch.are_deterministic_algorithms_enabled())
"""


def test_a_step_does_not_load_what_compiles() -> None:
    result = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "True"]


def test_a_gradient_longer_than_the_recipe_allows_is_shortened_to_it() -> None:
    """As torch shortens it; a shorter one stays."""
    for clip in (1e-3, 1e3):
        ours, theirs = model(), model()
        optimiser = Optimiser(ours.parameters(), replace(recipes()["baseline"], optimiser="adamw", clip=clip))
        reference = torch.optim.AdamW([p for p in theirs.parameters() if p.requires_grad], weight_decay=0.01)
        for step, rate in enumerate(RATES):
            backward(ours, step)
            backward(theirs, step)
            nn.utils.clip_grad_norm_(theirs.parameters(), clip)
            optimiser.step(rate)
            reference.param_groups[0]["lr"] = rate
            reference.step()
            reference.zero_grad()
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(own, other)
