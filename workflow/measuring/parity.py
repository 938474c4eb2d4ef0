"""How far each backend is from the scan in float64: `python -m workflow.measuring.parity` prints it.

The oracle is the `reference` backend in float64, which the tests hold against the recurrence written out by token. An
error is judged number by number, by the terms of the sum that the number is (models/ssm/rounding.py).
"""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from base.errors import InputError
from models.ssm.backends import BACKENDS, backend
from models.ssm.inputs import ScanInputs
from models.ssm.rounding import magnitudes
from models.ssm.scan import selective_scan

# What a backend may be off, as a fraction of the terms: four units in the last place.
TOLERANCE = {dtype: 4 * torch.finfo(dtype).eps for dtype in (torch.float32, torch.float64)}
GRADIENTS = tuple(name for name in ScanInputs._fields if name != "orders")


def draw(
    batch: int = 1,
    length: int = 37,
    directions: int = 2,
    channels: int = 17,
    states: int = 16,
    rank: int = 0,
    seed: int = 0,
    shuffled: bool = True,
) -> ScanInputs:
    """Random inputs in float64; rank 0 gives step sizes in full, shuffled=False no orders."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    orders = torch.stack([torch.randperm(length, generator=generator) for _ in range(directions)])
    return ScanInputs(
        normal(batch, length, channels),
        normal(batch, directions, length, rank or channels) - (0 if rank else 1),
        -normal(directions, channels, states).exp(),
        normal(batch, directions, length, states),
        normal(batch, directions, length, states),
        normal(directions, channels),
        normal(directions, channels) - (1 if rank else 0),
        orders if shuffled else None,
        normal(directions, channels, rank) / rank**0.5 if rank else None,
    )


def _changed(name: str, change: Callable[[Tensor], Tensor], **shape: int) -> ScanInputs:
    inputs = draw(**shape)
    return inputs._replace(**{name: change(getattr(inputs, name))})


CASES: dict[str, Callable[[], ScanInputs]] = {
    "as a network": lambda: draw(2, 4 * 17, 4, 32, 16, rank=4),
    "one token": lambda: draw(length=1, rank=2),
    "one channel": lambda: draw(channels=1, states=1),
    "17 clips": lambda: draw(17, 20, 1, 3, 5, rank=1),
    "steps in order": lambda: draw(shuffled=False, length=33),
    "many states": lambda: draw(length=16, states=19, rank=5),
    "around the softplus threshold": lambda: _changed("delta", lambda x: x + 19, length=40),
    "every state forgotten": lambda: _changed("delta", lambda x: x + 500, length=20),
    "steps of almost nothing": lambda: _changed("delta", lambda x: x - 30, length=20),
    "A near 0": lambda: _changed("A", lambda x: x * 1e-7, length=50),
    "A of 0": lambda: _changed("A", lambda x: x * 0, length=50),
    "A huge": lambda: _changed("A", lambda x: x * 1e4, length=20),
    "A beyond the range of exp": lambda: _changed("A", lambda x: x * 1e35, length=20),
    "u huge": lambda: _changed("u", lambda x: x * 1e8),
    "u tiny": lambda: _changed("u", lambda x: x * 1e-8),
    "a long clip": lambda: draw(1, 1037, 2, 16, 16, rank=4),
}


def errors(
    inputs: ScanInputs, name: str, dtype: torch.dtype, device: str = "cpu", delta_softplus: bool = True
) -> dict[str, float]:
    """Largest error of the output `y` and of each input's gradient, as a fraction of the terms that were added up.

    The exact values are those of the inputs after they have been rounded to `dtype`. Terms too small for the type are
    allowed to vanish.
    """
    rounded = ScanInputs(*(x.to(dtype) if x is not None and x.is_floating_point() else x for x in inputs))
    double = _as(rounded, torch.float64, "cpu")
    exact = outputs(double, "reference", delta_softplus)
    measured = outputs(_as(rounded, dtype, device), name, delta_softplus)
    least = torch.finfo(dtype).tiny / torch.finfo(dtype).eps
    terms = magnitudes(double, loss_weights(double.u), delta_softplus, least)
    far = {key: (measured[key].cpu().double() - right).abs() for key, right in exact.items()}
    return {key: (error / terms[key]).max().item() for key, error in far.items()}


def outputs(inputs: ScanInputs, name: str, delta_softplus: bool = True) -> dict[str, Tensor]:
    """`y` and, by name, the gradient of every input given, for a loss that weighs the outputs unevenly."""
    given = {key: x for key in GRADIENTS if (x := getattr(inputs, key)) is not None}
    leaves = {key: x.clone().requires_grad_() for key, x in given.items()}
    y = selective_scan(**leaves, orders=inputs.orders, delta_softplus=delta_softplus, backend=name)
    gradients = torch.autograd.grad(y, list(leaves.values()), loss_weights(y))
    return {"y": y.detach(), **dict(zip(leaves, gradients, strict=True))}


def loss_weights(y: Tensor) -> Tensor:
    """The gradient of that loss, like y."""
    return torch.linspace(-1, 1, y.numel(), dtype=torch.float64).sin().to(y).view_as(y)


def _as(inputs: ScanInputs, dtype: torch.dtype, device: str) -> ScanInputs:
    return ScanInputs(*(None if x is None else x.to(device, dtype if x.is_floating_point() else None) for x in inputs))


def table() -> str:
    """Markdown: a line a backend, device and type; the largest error over all cases, or why it does not run."""
    columns = ("y", *GRADIENTS)
    lines = ["| backend | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 1) + "|"]
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    for name, device, dtype in product(BACKENDS, devices, (torch.float64, torch.float32)):
        try:
            backend(name)
            by_case = [errors(case(), name, dtype, device) for case in CASES.values()]
            cells = [f"{max(e[column] for e in by_case if column in e):.0e}" for column in columns]
        except (InputError, ValueError, RuntimeError) as error:
            cells = [str(error).splitlines()[0]]
        lines.append(" | ".join([f"| {name}, {device}, {str(dtype)[6:]}", *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
