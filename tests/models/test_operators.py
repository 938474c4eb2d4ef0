"""What holds for every operator and backend: derivatives that are missing are refused, and empty input is answered.

The GPU's backends, where they can run, are in test_gpu_backends.py; they go through the same operator.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.deform import deform_conv
from models.deform import native as deform_native
from models.deform.inputs import DeformInputs
from models.ssm import native as scan_native
from models.ssm import selective_scan
from models.ssm.inputs import ScanInputs
from workflow.measuring.parity import draw, outputs

SCANS = ["reference", pytest.param("cpu", marks=pytest.mark.skipif(scan_native.available() is not None, reason="cpu"))]
DEFORMS = ["reference", pytest.param("native", marks=pytest.mark.skipif(bool(deform_native.available()), reason="cpu"))]


def scan(backend: str, wanted: str, rank: int = 0) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """The scan as a function of one of its inputs, and that input."""
    inputs = draw(1, 5, 2, 3, 2, rank=rank)
    return lambda x: selective_scan(*inputs._replace(**{wanted: x}), backend=backend), getattr(inputs, wanted)


def deform_inputs(map_shape: tuple[int, int, int] = (1, 3, 4), channels: int = 4) -> DeformInputs:
    random = torch.Generator().manual_seed(0)
    shapes = ((*map_shape, channels), (*map_shape, 2, 9, 2), (*map_shape, 2, 9), (channels, 1, 3, 3), (channels,))
    return DeformInputs(*(torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes))


def deform(wanted: str) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    inputs = deform_inputs()
    return lambda x: deform_conv(*inputs._replace(**{wanted: x})), getattr(inputs, wanted)


def operators() -> list:
    cases = []
    for backend in SCANS:
        name, marks = (backend, ()) if isinstance(backend, str) else (backend.values[0], backend.marks)
        for wanted in ("u", "delta", "A", "C", "dt_proj"):
            function, x = scan(name, wanted, rank=2 if wanted == "dt_proj" else 0)
            cases.append(pytest.param("selective_scan", function, x, id=f"scan-{name}-{wanted}", marks=marks))
    for wanted in ("x", "offsets", "weight"):
        cases.append(pytest.param("deform_conv", *deform(wanted), id=f"deform-{wanted}", marks=DEFORMS[1].marks))
    return cases


@pytest.mark.parametrize(("name", "function", "x"), operators())
def test_a_second_derivative_is_refused_never_lost(name, function, x):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    assert gradient.requires_grad
    with pytest.raises(NotImplementedError, match=f"^{name} can be differentiated once, not twice: .*$") as caught:
        torch.autograd.grad(gradient.sum(), x, allow_unused=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "function", "x"), operators())
def test_what_does_not_pass_through_the_gradient_may_be_differentiated_again(name, function, x):
    x, scale = x.clone().requires_grad_(), torch.tensor(2.0, dtype=x.dtype, requires_grad=True)
    (gradient,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    (slope,) = torch.autograd.grad((gradient * scale**2).sum(), scale)
    torch.testing.assert_close(slope, 4 * gradient.detach().sum())


@pytest.mark.parametrize(("name", "function", "x"), operators())
def test_forward_mode_is_refused_never_lost(name, function, x):
    message = f"^{name} has no forward-mode derivative"
    with pytest.raises(NotImplementedError, match=message):
        torch.func.jvp(function, (x,), (torch.ones_like(x),))
    with pytest.raises(NotImplementedError, match=message):
        torch.func.jacfwd(function)(x)
    level = torch.autograd.forward_ad.dual_level()
    with level, pytest.raises(NotImplementedError, match=message):
        function(torch.autograd.forward_ad.make_dual(x, torch.ones_like(x)))


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize(("name", "function", "x"), operators())
def test_other_transforms_are_right_or_an_error(name, function, x):
    both = torch.stack([x, 0.5 * x])
    torch.testing.assert_close(torch.func.vmap(function)(both), torch.stack([function(each) for each in both]))
    for transform in (torch.func.grad, torch.func.hessian):  # torch has no place for them behind a registered operator
        with pytest.raises(RuntimeError):
            transform(lambda x: function(x).square().sum())(x)


def test_plain_pytorch_refuses_a_second_derivative_of_the_deformable_convolution_too(monkeypatch):
    monkeypatch.setattr(deform_native, "available", lambda: "no compiler")
    for wanted in ("x", "offsets"):
        function, x = deform(wanted)
        x.requires_grad_()
        (gradient,) = torch.autograd.grad(function(x).square().sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="not implemented"):
            torch.autograd.grad(gradient.sum(), x)


# ---- nothing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("shape", [{"batch": 0}, {"length": 0}, {"batch": 0, "length": 0}])
@pytest.mark.parametrize("absent", [(), ("D", "delta_bias", "orders")])
@pytest.mark.parametrize("backend", SCANS)
def test_a_scan_of_nothing(backend, absent, shape, rank, dtype):
    inputs = draw(**shape, rank=rank)._replace(**dict.fromkeys(absent))
    inputs = ScanInputs(*(x.to(dtype) if x is not None and x.is_floating_point() else x for x in inputs))
    results = outputs(inputs, backend)
    assert results.keys() == {"y", *(k for k, x in inputs._asdict().items() if x is not None and k != "orders")}
    for name, value in results.items():
        like = inputs.u if name == "y" else getattr(inputs, name)
        assert (value.shape, value.dtype) == (like.shape, dtype)
        assert not value.any()


@pytest.mark.parametrize("backend", SCANS)
@pytest.mark.parametrize("empty", ["A", "dt_proj"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_scan_without_channels_states_directions_or_rank_is_refused(backend, empty, axis):
    inputs = draw(1, 4, 2, 3, 2, rank=2)
    emptied = getattr(inputs, empty).narrow(axis, 0, 0)
    with pytest.raises(ValueError, match=rf"^selective_scan: {empty} must have no empty axis, not \(.*\)$"):
        selective_scan(*inputs._replace(**{empty: emptied}), backend=backend)


@pytest.mark.parametrize("implementation", DEFORMS)
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("map_shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0), (0, 0, 0)])
def test_a_deformable_convolution_of_nothing(monkeypatch, implementation, masked, map_shape):
    if implementation == "reference":
        monkeypatch.setattr(deform_native, "available", lambda: "no compiler")
    inputs = DeformInputs(*(x.requires_grad_() for x in deform_inputs(map_shape)))
    inputs = inputs if masked else inputs._replace(masks=None)
    y = deform_conv(*inputs)
    assert (y.shape, y.dtype) == (inputs.x.shape, inputs.x.dtype)
    given = [x for x in inputs if x is not None]
    for x, gradient in zip(given, torch.autograd.grad(y.sum(), given), strict=True):
        assert gradient.shape == x.shape
        assert not gradient.any()


@pytest.mark.parametrize("implementation", DEFORMS)
def test_a_deformable_convolution_without_channels_is_refused(monkeypatch, implementation):
    if implementation == "reference":
        monkeypatch.setattr(deform_native, "available", lambda: "no compiler")
    with pytest.raises(ValueError, match=r"^deform_conv: x must have channels, not \(1, 3, 4, 0\)$"):
        deform_conv(*deform_inputs(channels=0))
