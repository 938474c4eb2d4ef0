"""The backends for a GPU against the float64 reference: Triton's kernels, and the adapter to mamba-ssm.

Where there is a GPU the kernels run on it. Elsewhere Triton's interpreter runs them on the CPU, if TRITON_INTERPRET=1
is in the environment (.ci/run does that; it must be there before anything imports Triton, and PyTorch does); that they
compile for GPUs is a test of its own. mamba-ssm's kernel needs a GPU, so a stand-in with the same public function takes
its place: what is tested is what the adapter does around it.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from base.errors import InputError
from models.ssm import backends, describe_backend, mamba, reference, selective_scan, triton_scan
from models.ssm.inputs import ScanInputs
from workflow.measuring import gpu_check, parity
from workflow.measuring.parity import draw, errors, outputs

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Of the terms (models/ssm/rounding.py). A GPU's own exponential and logarithm are coarser than a processor's.
TOLERANCE = 1e-5 if DEVICE == "cuda" else parity.TOLERANCE[torch.float32]
WHY_NOT = triton_scan.available()
needs_triton = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.fixture(autouse=True)
def _fresh_choice(monkeypatch):
    """Backends as they are found in this test, and nothing of it left for others."""
    monkeypatch.delenv(backends.VARIABLE, raising=False)
    _forget()
    yield
    _forget()


def _forget() -> None:
    for cached in (backends._load, backends._unavailable, mamba._kernel):
        cached.cache_clear()


def single(inputs: ScanInputs) -> ScanInputs:
    return ScanInputs(
        *(None if x is None else x.to(DEVICE, torch.float32 if x.is_floating_point() else None) for x in inputs)
    )


def check(inputs: ScanInputs, name: str, delta_softplus: bool = True) -> None:
    """Output and gradients within the tolerance, relative to the terms that they are sums of."""
    found = errors(inputs, name, torch.float32, DEVICE, delta_softplus)
    assert all(error <= TOLERANCE for error in found.values()), found


# ---- Triton -----------------------------------------------------------------------------------------------------

# batch, length, directions, channels, states, rank of the step sizes
SHAPES = {
    "one of everything": (1, 1, 1, 1, 1, 0),
    "whole chunks": (2, 8, 1, 2, 4, 0),
    "17 clips": (17, 2, 1, 2, 1, 1),
    "16 states": (1, 5, 2, 1, 16, 4),
    "19 states": (1, 2, 1, 2, 19, 2),
    "two blocks of channels": (1, 3, 1, 33, 4, 0),
}


@pytest.fixture
def short_chunks(monkeypatch):
    """The interpreter takes milliseconds a step, so short sequences have to cross the borders of chunks."""
    monkeypatch.setattr(triton_scan, "FORWARD_STEPS", 4)
    monkeypatch.setattr(triton_scan, "BACKWARD_STEPS", 2)


@needs_triton
@pytest.mark.parametrize("shape", [(1, 19, 2, 3, 5, 3), (1, 9, 1, 1, 2, 0)])
def test_triton_as_it_is_launched(shape):
    check(draw(*shape), "triton")


@needs_triton
@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_triton_any_shape(shape):
    check(draw(*shape), "triton")


@needs_triton
@pytest.mark.usefixtures("short_chunks")
def test_triton_more_chunks_than_are_carried_at_once(monkeypatch):
    monkeypatch.setattr(triton_scan, "GROUP", 2)
    check(draw(1, 11, 1, 2, 4), "triton")


@needs_triton
@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("absent", [("D",), ("delta_bias",), ("orders",), ("D", "delta_bias", "orders")])
def test_triton_without_optional_inputs(absent):
    check(draw(1, 5, 2, 2, 4, rank=1)._replace(**dict.fromkeys(absent)), "triton")


@needs_triton
@pytest.mark.usefixtures("short_chunks")
def test_triton_step_sizes_as_they_are():
    inputs = draw(1, 5, 2, 2, 4)
    check(inputs._replace(delta=inputs.delta.abs(), delta_bias=inputs.delta_bias.abs()), "triton", delta_softplus=False)


@needs_triton
@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param(
            "delta", lambda x: torch.linspace(-60, 60, x.numel()).double().view_as(x), id="the softplus's range"
        ),
        pytest.param("delta", lambda x: x + 500, id="every state forgotten"),
        pytest.param("delta", lambda x: x - 30, id="steps of almost nothing"),
        pytest.param("A", lambda x: x * 1e-7, id="A near 0"),
        pytest.param("A", lambda x: x * 0, id="A of 0"),
        pytest.param("A", lambda x: x * 1e4, id="A huge"),
        pytest.param("A", lambda x: x * 1e35, id="A beyond the range of exp"),
        pytest.param("u", lambda x: x * 1e8, id="u huge"),
        pytest.param("u", lambda x: x * 1e-8, id="u tiny"),
    ],
)
def test_triton_extreme_values(name, change):
    inputs = draw(1, 10, 1, 3, 4)
    check(inputs._replace(**{name: change(getattr(inputs, name))}), "triton")


@needs_triton
@pytest.mark.usefixtures("short_chunks")
def test_triton_softplus_is_accurate_in_every_range(monkeypatch):
    """One token, A = -1, B = C = u = 1: y is softplus(delta)."""
    monkeypatch.setattr(triton_scan, "CHANNELS", 2048)
    delta = torch.linspace(-80, 40, 1501, device=DEVICE)
    one = torch.ones(1, 1, 1, 1, device=DEVICE)
    y = selective_scan(
        one.new_ones(1, 1, 1501), delta.view(1, 1, 1, -1), -one.new_ones(1, 1501, 1), one, one, backend="triton"
    )
    exact = torch.nn.functional.softplus(delta.double(), threshold=100)
    error = (y.flatten().double() - exact).abs() / exact
    assert (error / (1 + delta.abs())).max() < 2.5e-7  # exp(x) is as far off as x log2(e) is


@needs_triton
@pytest.mark.usefixtures("short_chunks")
def test_triton_repeats_to_the_last_bit():
    inputs = single(draw(1, 3, 2, 33, 1, rank=3))
    first, second = (outputs(inputs, "triton") for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@needs_triton
@pytest.mark.usefixtures("short_chunks")
def test_triton_nan_stays_in_its_channel():
    inputs = single(draw(1, 9, 1, 3, 4))
    inputs.delta[0, 0, 4, 1] = torch.nan
    found = outputs(inputs, "triton")
    step = inputs.orders[0].tolist().index(4)
    assert set(found["y"][0, :, 1].isnan().nonzero().flatten().tolist()) == set(inputs.orders[0][step:].tolist())
    assert not found["y"][0, :, [0, 2]].isnan().any()
    assert not found["delta"][0, 0, :, [0, 2]].isnan().any()


@needs_triton
@pytest.mark.parametrize("shape", [{"batch": 0}, {"length": 0}])
def test_triton_nothing_to_scan(shape):
    inputs = single(draw(**shape, rank=2))
    found = outputs(inputs, "triton")
    assert found.pop("y").shape == inputs.u.shape
    assert all(gradient.shape == getattr(inputs, name).shape for name, gradient in found.items())
    assert not any(gradient.any() for gradient in found.values())


@needs_triton
def test_triton_refuses_what_it_cannot_do(monkeypatch):
    inputs = single(draw(1, 3, 1, 2, 1))
    with pytest.raises(ValueError, match="must be float32") as caught:
        triton_scan.forward(ScanInputs(*(x.double() if x is not None else x for x in inputs)), True, False)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="A must have no empty axis"):
        selective_scan(*inputs._replace(A=inputs.A[..., :0]), backend="triton")
    with pytest.raises(ValueError, match=r"permutation of 0 \.\. 2"):
        triton_scan.forward(
            ScanInputs(*(None if x is None else x.cpu() for x in inputs))._replace(
                orders=torch.zeros(1, 3, dtype=torch.int64)
            ),
            True,
            False,
        )
    monkeypatch.setattr(triton_scan, "interpreted", lambda: False)
    with pytest.raises(InputError, match="takes tensors on a CUDA device, not cpu: use backend=auto"):
        triton_scan.forward(ScanInputs(*(None if x is None else x.cpu() for x in inputs)), True, False)


@needs_triton
@pytest.mark.usefixtures("short_chunks")
def test_triton_torch_library_contract():
    inputs = [None if x is None else x.requires_grad_(x.is_floating_point()) for x in single(draw(1, 1, 1, 1, 1))]
    torch.library.opcheck(torch.ops.ssmpose.selective_scan.default, (*inputs, True, True, "triton"))


@needs_triton
@pytest.mark.usefixtures("short_chunks")
def test_triton_refuses_a_second_derivative():
    refuses_a_second_derivative("triton")


def refuses_a_second_derivative(name: str) -> None:
    inputs = single(draw(1, 3, 1, 2, 1))
    u = inputs.u.requires_grad_()
    (gradient,) = torch.autograd.grad(selective_scan(*inputs, backend=name).sum(), u, create_graph=True)
    with pytest.raises(NotImplementedError, match="selective_scan can be differentiated once, not twice"):
        torch.autograd.grad(gradient.sum(), u, allow_unused=True)


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason=str(WHY_NOT))
@pytest.mark.slow
def test_triton_kernels_compile_for_a_gpu_and_spill_no_register(tmp_path):
    """In a process of its own: in this one Triton may be the interpreter, which accepts more than the compiler does."""
    script = Path(__file__).with_name("compile_kernels.py")
    environment = os.environ | {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(script.parents[2])}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, str(script), "80"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["summarise", "summarise", "carry", "carry", "outputs", "gradients"]
    assert all(line.endswith(" 0 spilled") for line in lines), done.stdout


def test_triton_says_why_it_cannot_run(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(triton_scan, "interpreted", lambda: False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert triton_scan.available().startswith("there is no CUDA device")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert triton_scan.available().startswith("Triton is not installed")
    with pytest.raises(InputError, match="backend 'triton' is not available: Triton is not installed") as caught:
        selective_scan(*draw(1, 1, 1, 1, 1), backend="triton")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(DEVICE == "cuda", reason="there is a GPU to measure on")
def test_without_a_gpu_nothing_is_measured(capsys):
    assert gpu_check.main() == 1
    assert capsys.readouterr().err == "gpu_check: there is no CUDA device here, nothing was measured\n"


# ---- mamba-ssm --------------------------------------------------------------------------------------------------


class StandIn(torch.autograd.Function):
    """What mamba-ssm's SelectiveScanFn computes, by the reference backend, with the layouts that it insists on."""

    @staticmethod
    def forward(ctx, delta_softplus, u, delta, A, B, C, D, delta_bias):
        (batch, channels, L), (_, groups, N, _) = u.shape, B.shape
        assert delta.shape == u.shape
        assert A.shape == (channels, N)
        assert B.shape == C.shape == (batch, groups, N, L)
        assert all(x.stride(-1) == 1 for x in (u, delta, B, C))
        ctx.delta_softplus = delta_softplus
        ctx.save_for_backward(u, delta, A, B, C, D, delta_bias)
        parts = groups_of(u, delta, A, B, C, D, delta_bias)
        return torch.cat([reference.forward(part, delta_softplus, False)[0].mT for part in parts], 1)

    @staticmethod
    def backward(ctx, grad_y):
        parts = groups_of(*ctx.saved_tensors)
        pairs = zip(grad_y.chunk(len(parts), 1), parts, strict=True)
        grads = [reference.backward(grad.mT, part, ctx.delta_softplus, None)[:7] for grad, part in pairs]
        du, ddelta, dA, dB, dC, dD, dbias = zip(*grads, strict=True)
        by_channel = [torch.cat(xs).flatten(0, 1) if xs[0] is not None else None for xs in (dA, dD, dbias)]
        du, ddelta = torch.cat([x.mT for x in du], 1), torch.cat([x[:, 0].mT for x in ddelta], 1)
        dB, dC = (torch.cat(xs, 1).mT for xs in (dB, dC))
        return None, du, ddelta, by_channel[0], dB, dC, *by_channel[1:]


def groups_of(u, delta, A, B, C, D, delta_bias) -> list[ScanInputs]:
    """The kernel's groups of channels, each a scan in one direction."""
    count = B.shape[1]

    def cut(x, axis):
        return [None] * count if x is None else x.chunk(count, axis)

    rows = zip(*(cut(x, 1) for x in (u, delta, B, C)), *(cut(x, 0) for x in (A, D, delta_bias)), strict=True)
    return [
        ScanInputs(u.mT, delta.mT[:, None], A[None], B.mT, C.mT, *(x if x is None else x[None] for x in (D, bias)))
        for u, delta, B, C, A, D, bias in rows
    ]


def selective_scan_fn(
    u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, return_last_state=False
) -> torch.Tensor:
    """The public function of mamba-ssm, as far as it is used."""
    assert z is None
    assert not return_last_state
    return StandIn.apply(delta_softplus, u, delta, A, B, C, D, delta_bias)


@pytest.fixture
def stand_in(monkeypatch):
    """A package mamba_ssm with the stand-in, which runs on any device."""
    interface = ModuleType("mamba_ssm.ops.selective_scan_interface")
    interface.selective_scan_fn = selective_scan_fn
    for name in ("mamba_ssm", "mamba_ssm.ops"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    monkeypatch.setattr(mamba, "DEVICE", DEVICE)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("rank", [0, 3])
@pytest.mark.parametrize("absent", [(), ("D",), ("delta_bias", "orders"), ("orders",)])
@pytest.mark.parametrize("shape", [(3, 7, 4, 5, 6), (1, 1, 1, 1, 1), (17, 2, 2, 1, 3)])
def test_mamba_ssm_any_shape(shape, absent, rank):
    check(draw(*shape, rank=rank)._replace(**dict.fromkeys(absent)), "mamba_ssm")


@pytest.mark.usefixtures("stand_in")
def test_mamba_ssm_step_sizes_as_they_are():
    inputs = draw(2, 9, 2, 2, 4)
    inputs = inputs._replace(delta=inputs.delta.abs(), delta_bias=inputs.delta_bias.abs())
    check(inputs, "mamba_ssm", delta_softplus=False)


@pytest.mark.usefixtures("stand_in")
def test_mamba_ssm_refuses_a_second_derivative():
    refuses_a_second_derivative("mamba_ssm")


@pytest.mark.usefixtures("stand_in")
def test_mamba_ssm_nothing_to_scan():
    inputs = single(draw(batch=0))
    found = outputs(inputs, "mamba_ssm")
    assert found.pop("y").shape == inputs.u.shape
    assert not any(gradient.any() for gradient in found.values())


@pytest.mark.usefixtures("stand_in")
def test_mamba_ssm_refuses_what_it_cannot_do(monkeypatch):
    with pytest.raises(ValueError, match=r"at most 256 states; got torch.float32 and \(1, 1, 257\)"):
        mamba.forward(single(draw(1, 2, 1, 1, 257)), True, False)
    monkeypatch.setattr(mamba, "DEVICE", "cuda")
    with pytest.raises(InputError, match="takes tensors on a CUDA device, not cpu: use backend=auto"):
        mamba.forward(draw(1, 2, 1, 1, 1), True, False)


def test_mamba_ssm_says_why_it_cannot_run(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert mamba.available() == "there is no CUDA device"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "mamba_ssm", None)  # as Python marks a module that must not be found
    assert mamba.available().startswith("the package mamba-ssm cannot be imported (")
    assert "\n" not in mamba.available()


# ---- auto -------------------------------------------------------------------------------------------------------


def pretend(monkeypatch, **reasons: str | None) -> None:
    """Backends that are available (None) or not, for the reason given."""
    for name, reason in reasons.items():
        module = ModuleType(name)
        module.available, module.interpreted = lambda reason=reason: reason, lambda: False
        monkeypatch.setitem(backends.BACKENDS, name, lambda module=module: module)


@pytest.mark.parametrize(
    ("reasons", "described"),
    [
        ({"triton": None, "mamba_ssm": None}, "triton"),
        ({"triton": "too old", "mamba_ssm": None}, "mamba_ssm (triton: too old)"),
        ({"triton": "too old", "mamba_ssm": "absent"}, "reference (triton: too old; mamba_ssm: absent)"),
    ],
)
def test_auto_on_a_gpu_is_the_fastest_and_says_why_not(monkeypatch, reasons, described):
    pretend(monkeypatch, **reasons)
    assert describe_backend("auto", "cuda") == described
    assert backends.resolve("auto", "cuda") == described.split()[0]
    assert backends.resolve("auto", "cuda", torch.bfloat16) == "reference"
    assert backends.resolve("auto", "cpu") in ("cpu", "reference")


@needs_triton
@pytest.mark.skipif(DEVICE == "cuda", reason="here the kernels run on a GPU")
def test_auto_never_chooses_the_interpreter():
    assert triton_scan.interpreted()
    assert backends.backend_in_use("triton") == "triton"
    assert backends.resolve("auto", "cpu") != "triton"
    assert backends.resolve("auto", "cuda") == "reference"
    assert "triton: Triton's interpreter is on" in describe_backend("auto", "cuda")
