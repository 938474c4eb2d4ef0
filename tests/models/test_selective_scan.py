"""The scan operator against its recurrence written out, and how backends are chosen."""

import pytest
import torch
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import softplus
from torch.utils.flop_counter import FlopCounterMode

from base.errors import InputError
from models import ssm
from models.ssm import backends, reference

OP = torch.ops.ssmpose.selective_scan.default


def recurrence(u, delta, A, B, C, D, delta_bias, orders, delta_softplus) -> Tensor:
    """One token after the other, with autograd: what the operator has to agree with."""
    clips = []
    for b in range(len(u)):
        tokens = [u.new_zeros(u.shape[2]) for _ in range(u.shape[1])]
        for k in range(len(A)):
            h = torch.zeros_like(A[k])
            for t in orders[k].tolist() if orders is not None else range(u.shape[1]):
                step = delta[b, k, t] if delta_bias is None else delta[b, k, t] + delta_bias[k]
                step = softplus(step) if delta_softplus else step
                h = torch.exp(step[:, None] * A[k]) * h + (step * u[b, t])[:, None] * B[b, k, t]
                tokens[t] = tokens[t] + h @ C[b, k, t] + (0 if D is None else D[k] * u[b, t])
        clips.append(torch.stack(tokens))
    return torch.stack(clips)


def example(batch, L, K, E, N, seed=0, dtype=torch.float64, delta_scale=1.0) -> list[Tensor]:
    """u, delta, A, B, C, D, delta_bias, orders."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=dtype)

    inputs = [normal(batch, L, E), delta_scale * normal(batch, K, L, E), -normal(K, E, N).exp()]
    inputs += [normal(batch, K, L, N), normal(batch, K, L, N), normal(K, E), normal(K, E)]
    return [*inputs, torch.stack([torch.randperm(L, generator=draw) for _ in range(K)])]


def assert_agrees(inputs: list, delta_softplus: bool = True, backend: str = "reference", tolerance=1e-10) -> None:
    """Output and the gradient of every input equal those of the recurrence."""
    *tensors, orders = inputs
    ours, theirs = ([x if x is None else x.clone().requires_grad_() for x in tensors] for _ in range(2))
    y = ssm.selective_scan(*ours, orders, delta_softplus=delta_softplus, backend=backend)
    expected = recurrence(*theirs, orders, delta_softplus)
    torch.testing.assert_close(y, expected, rtol=tolerance, atol=tolerance)
    weight = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)
    given_inputs = [i for i, x in enumerate(tensors) if x is not None]
    gradients = torch.autograd.grad(y, [ours[i] for i in given_inputs], weight)
    wanted = torch.autograd.grad(expected, [theirs[i] for i in given_inputs], weight)
    for gradient, want in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, want, rtol=tolerance, atol=tolerance)


@examples(40)
@given(
    batch=st.integers(1, 3),
    L=st.sampled_from([1, 2, 3, 4, 5, 7, 11, 13, 16, 17]),
    K=st.integers(1, 4),
    E=st.integers(1, 5),
    N=st.integers(1, 4),
    seed=st.integers(0, 10),
    absent=st.sets(st.sampled_from([5, 6, 7])),
    delta_softplus=st.booleans(),
)
def test_agrees_with_the_recurrence(batch, L, K, E, N, seed, absent, delta_softplus):
    inputs = example(batch, L, K, E, N, seed)
    if not delta_softplus:  # then the step sizes are given as they are, and are positive
        inputs[1], inputs[6] = inputs[1].abs(), inputs[6].abs()
    assert_agrees([None if i in absent else x for i, x in enumerate(inputs)], delta_softplus)


@pytest.mark.parametrize("elements", [1, 2**30])
def test_the_cut_into_parts_does_not_matter(monkeypatch, elements):
    monkeypatch.setattr(reference, "ELEMENTS_PER_STEP", elements)
    assert_agrees(example(3, 10, 2, 4, 3))


def test_step_sizes_on_both_sides_of_the_softplus_threshold():
    inputs = example(1, 9, 2, 3, 2)
    inputs[1] = torch.linspace(-60, 60, inputs[1].numel(), dtype=torch.float64).view_as(inputs[1])
    assert_agrees(inputs)


def test_a_memory_that_hardly_fades():
    inputs = example(2, 40, 2, 3, 2)
    inputs[2] = torch.full_like(inputs[2], -1e-12)
    assert_agrees(inputs)


def test_long_float32_sequences_stay_accurate():
    inputs = example(1, 4131, 2, 4, 16)
    exact = ssm.selective_scan(*inputs, backend="reference")
    single = ssm.selective_scan(*[x.float() if x.is_floating_point() else x for x in inputs], backend="reference")
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-4)


def test_gradcheck():
    *tensors, orders = example(2, 5, 2, 2, 2)
    torch.autograd.gradcheck(
        lambda *x: ssm.selective_scan(*x, orders, backend="reference"), [x.requires_grad_() for x in tensors]
    )


@pytest.mark.parametrize("absent", [set(), {5, 6, 7}])
def test_torch_library_contract(absent):
    inputs = [None if i in absent else x for i, x in enumerate(example(2, 6, 2, 3, 2, dtype=torch.float32))]
    leaves = [x.requires_grad_() if x is not None and x.is_floating_point() else x for x in inputs]
    torch.library.opcheck(OP, (*leaves, None, True, True, "reference"))


def test_flops_are_two_products_a_state_and_twice_that_backwards():
    inputs = example(2, 6, 3, 5, 4, dtype=torch.float32)
    inputs[0].requires_grad_()
    with FlopCounterMode(display=False) as forward:
        y = ssm.selective_scan(*inputs)
    with FlopCounterMode(display=False) as backward:
        y.sum().backward()
    assert forward.get_total_flops() == 4 * 2 * 6 * 3 * 5 * 4
    assert backward.get_total_flops() == 2 * forward.get_total_flops()


def test_saves_inputs_only_for_the_backward_pass():
    saved = []
    *tensors, orders = example(1, 64, 2, 8, 16)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.numel()), lambda x: x):
        ssm.selective_scan(*[x.requires_grad_() for x in tensors], orders, backend="reference")
    assert sum(saved) == sum(x.numel() for x in [*tensors, orders])


@pytest.mark.parametrize(
    ("position", "wrong", "message"),
    [
        (
            1,
            lambda x: x[:, :, 1:],
            r"delta must be torch.float64 \(2, 2, 6, 3\) on cpu, not .* \(2, 2, 5, 3\)",
        ),
        (4, lambda x: x[..., :1], "C must be"),
        (7, lambda x: x.int(), r"orders must be torch.int64 \(2, 6\)"),
        (7, lambda x: x + 1, "permutation of 0 .. 5"),
        (7, lambda x: x * 0, "permutation of 0 .. 5"),
    ],
)
def test_wrong_inputs_are_named(position, wrong, message):
    inputs = example(2, 6, 2, 3, 2)
    inputs[position] = wrong(inputs[position])
    with pytest.raises(ValueError, match=message):
        ssm.selective_scan(*inputs, backend="reference")


@pytest.fixture
def no_native(monkeypatch):
    """As if the native backend could not be built."""

    class Broken:
        @staticmethod
        def available() -> str:
            return "no C++ compiler"

    monkeypatch.delenv(backends.VARIABLE, raising=False)
    monkeypatch.setitem(backends.BACKENDS, "cpu", lambda: Broken)
    for cached in (backends._load, backends._unavailable):
        cached.cache_clear()
    yield
    for cached in (backends._load, backends._unavailable):
        cached.cache_clear()


@pytest.mark.usefixtures("no_native")
def test_without_a_native_kernel_auto_is_the_reference():
    assert ssm.backend_in_use() == "reference"
    assert ssm.describe_backend() == "reference (no C++ compiler)"
    assert torch.isfinite(ssm.selective_scan(*example(1, 4, 1, 2, 2))).all()
    with pytest.raises(InputError, match="'cpu' is not available: no C\\+\\+ compiler"):
        ssm.backend_in_use("cpu")
    with pytest.raises(InputError, match="'cpu' is not available"):
        ssm.selective_scan(*example(1, 4, 1, 2, 2), backend="cpu")


def test_an_unknown_backend_is_named_with_its_nearest(monkeypatch):
    with pytest.raises(InputError, match="unknown backend 'referense'; did you mean 'reference'"):
        ssm.selective_scan(*example(1, 4, 1, 2, 2), backend="referense")
    monkeypatch.setenv(backends.VARIABLE, "gpu")
    with pytest.raises(InputError, match=f"{backends.VARIABLE}: backend 'gpu'"):
        ssm.backend_in_use()


def test_the_environment_says_what_auto_means_and_an_argument_wins(monkeypatch):
    monkeypatch.setenv(backends.VARIABLE, "reference")
    assert ssm.backend_in_use() == "reference"
    monkeypatch.setenv(backends.VARIABLE, "cpu")
    assert backends.resolve("auto") == "cpu"
    assert backends.resolve("reference") == "reference"


def test_auto_leaves_other_tensors_to_the_reference(monkeypatch):
    monkeypatch.delenv(backends.VARIABLE, raising=False)
    assert backends.resolve("auto", "mps") == "reference"
    assert backends.resolve("auto", "cpu", torch.bfloat16) == "reference"
