"""The compiled scan against the literal recurrence in float64, its determinism, and its building."""

import platform
import stat
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.ssm import native

NAMES = ("u", "delta", "A", "B", "C", "D", "delta_bias")

needs_compiler = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))


def recurrence(u, delta, A, B, C, D, delta_bias, orders, delta_softplus) -> Tensor:
    """The scan as the papers write it, token by token; arguments and result as in `native.forward`."""
    rows = [[torch.zeros_like(u[0, 0]) for _ in range(u.shape[1])] for _ in range(u.shape[0])]
    for b in range(u.shape[0]):
        for k in range(A.shape[0]):
            h = torch.zeros_like(A[k])  # (E, N)
            for t in range(u.shape[1]) if orders is None else orders[k].tolist():
                d = delta[b, k, t] if delta_bias is None else delta[b, k, t] + delta_bias[k]
                if delta_softplus:
                    d = torch.where(d > 20, d, torch.log1p(torch.exp(d.clamp(max=20))))
                h = torch.exp(d[:, None] * A[k]) * h + (d * u[b, t])[:, None] * B[b, k, t]
                rows[b][t] = rows[b][t] + h @ C[b, k, t] + (0 if D is None else D[k] * u[b, t])
    return torch.stack([torch.stack(row) for row in rows])


def example(batch=1, length=7, directions=2, channels=5, states=16, seed=0, shuffled=True) -> list:
    """Random inputs of `native.forward` in float64, without the last one."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    orders = torch.stack([torch.randperm(length, generator=draw) for _ in range(directions)])
    return [
        normal(batch, length, channels),
        normal(batch, directions, length, channels) - 1,
        -torch.exp(normal(directions, channels, states)),
        normal(batch, directions, length, states),
        normal(batch, directions, length, states),
        normal(directions, channels),
        normal(directions, channels),
        orders if shuffled else None,
    ]


def expected(inputs: list, grad_y: Tensor, delta_softplus: bool) -> list[Tensor | None]:
    """The recurrence's output and its gradients by autograd, in float64."""
    leaves = [None if x is None else x.double().clone().requires_grad_() for x in inputs[:7]]
    y = recurrence(*leaves, inputs[7], delta_softplus)
    y.backward(grad_y.double())
    return [y.detach(), *(None if x is None else x.grad for x in leaves)]


def measured(inputs: list, grad_y: Tensor, delta_softplus: bool) -> list[Tensor | None]:
    y = native.forward(*inputs, delta_softplus)
    return [y, *native.backward(grad_y, *inputs, delta_softplus)]


def check(inputs: list, delta_softplus: bool, dtype: torch.dtype, tolerance: float) -> None:
    """Output and gradients within `tolerance` of the largest value of the expected array."""
    inputs = [x.to(dtype) if x is not None and x.is_floating_point() else x for x in inputs]
    grad_y = torch.linspace(-1, 1, inputs[0].numel(), dtype=dtype).reshape(inputs[0].shape).sin()
    want, got = expected(inputs, grad_y, delta_softplus), measured(inputs, grad_y, delta_softplus)
    for name, right, ours in zip(("y", *NAMES), want, got, strict=True):
        assert (right is None) == (ours is None), name
        if right is not None:
            assert ours.shape == right.shape, name
            assert ours.dtype == dtype, name
            error = (ours.double() - right).abs().max() / right.abs().max().clamp(min=1e-30)
            assert error <= tolerance, f"{name}: {error:.2e} of the largest value"


TOLERANCE = {torch.float32: 5e-6, torch.float64: 1e-12}
shapes = st.fixed_dictionaries(
    {
        "batch": st.sampled_from([1, 3]),
        "length": st.sampled_from([1, 2, 15, 16, 17, 37]),
        "directions": st.integers(1, 4),
        "channels": st.sampled_from([1, 3, 16, 17]),
        "states": st.sampled_from([1, 5, 16, 19]),
        "seed": st.integers(0, 999),
        "shuffled": st.booleans(),
    }
)


@needs_compiler
@pytest.mark.parametrize("dtype", TOLERANCE)
@settings(max_examples=15, deadline=None)
@given(shape=shapes, delta_softplus=st.booleans(), absent=st.sets(st.sampled_from([5, 6])))
def test_output_and_gradients_are_those_of_the_recurrence(dtype, shape, delta_softplus, absent):
    inputs = example(**shape)
    if not delta_softplus:
        inputs[1], inputs[6] = inputs[1].abs(), inputs[6].abs()
    inputs = [None if i in absent else x for i, x in enumerate(inputs)]
    check(inputs, delta_softplus, dtype, TOLERANCE[dtype])


def with_values(index: int, value: float, **shape) -> list:
    inputs = example(**shape)
    inputs[index] = inputs[index] + value
    return inputs


@needs_compiler
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param(with_values(1, 19, length=40, channels=17), id="around the softplus threshold"),
        pytest.param(with_values(1, 500, length=20), id="steps so long that every state is forgotten"),
        pytest.param(with_values(1, -30, length=20), id="steps of almost nothing"),
        pytest.param([x * 1e-7 if i == 2 else x for i, x in enumerate(example(length=50))], id="A near 0"),
        pytest.param([x * 0 if i == 2 else x for i, x in enumerate(example(length=50))], id="A of 0"),
        pytest.param([x * 1e4 if i == 2 else x for i, x in enumerate(example(length=20))], id="A huge"),
        pytest.param([x * 1e8 if i in (0, 3) else x for i, x in enumerate(example())], id="u and B huge"),
        pytest.param([x * 1e-8 if i in (0, 3) else x for i, x in enumerate(example())], id="u and B tiny"),
    ],
)
def test_extreme_values(inputs, dtype):
    check(inputs, True, dtype, TOLERANCE[dtype])


@needs_compiler
@pytest.mark.slow
def test_long_sequence_in_float32():
    check(example(length=701, channels=33, seed=4), True, torch.float32, 2e-5)


@needs_compiler
def test_exponential_and_softplus_are_accurate_in_every_range():
    """One token: y = C d B u with d = softplus(delta). Two: the first one's share is times exp(d A)."""
    delta = torch.linspace(-100, 40, 20001)
    one = torch.ones(1, 1, 1, 1)
    y = native.forward(
        torch.ones(1, 1, 20001), delta.view(1, 1, 1, -1), -torch.ones(1, 20001, 1), one, one, None, None, None, True
    )
    exact = torch.where(delta.double() > 20, delta.double(), torch.log1p(torch.exp(delta.double())))
    normal = exact > 2e-38  # below, the result may be 0
    error = (y.flatten().double() - exact).abs() / exact
    assert (error / (1 + delta.double().abs()))[normal].max() < 2e-7  # exp(x) is as far off as x log2(e) is
    assert y.flatten()[~normal].max() < 2e-38

    rate = -torch.linspace(0, 120, 20001)  # (E,), with steps of length 1
    u = torch.zeros(1, 2, 20001)
    u[0, 0] = 1
    both = torch.ones(1, 1, 2, 1)
    y = native.forward(u, torch.ones(1, 1, 2, 20001), rate.view(1, -1, 1), both, both, None, None, None, False)
    exact = torch.exp(rate.double())
    assert y[0, 1, 0] == 1  # exp(0) is 1 to the last bit
    error = (y[0, 1].double() - exact).abs() / exact
    assert error[rate > -1].max() < 2.5e-7
    assert (error / (1 - rate.double()))[rate > -87].max() < 2.5e-7  # the product d A is rounded too
    assert y[0, 1, rate < -88].max() < 1e-38


@needs_compiler
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_nan_stays_nan_and_stays_in_its_channel(dtype):
    inputs = [x.to(dtype) if x.is_floating_point() else x for x in example(length=40, shuffled=True)]
    inputs[1][0, 0, 3, 2] = torch.nan
    y = native.forward(*inputs, True)
    hit = torch.isnan(y[0])  # (L, E)
    step = inputs[7][0].tolist().index(3)
    assert set(hit[:, 2].nonzero().flatten().tolist()) == set(inputs[7][0][step:].tolist())
    assert not hit[:, [0, 1, 3, 4]].any()
    grads = native.backward(torch.ones_like(y), *inputs, True)
    assert torch.isnan(grads[1][0, 0, 3, 2])
    assert not torch.isnan(grads[1][0, 1]).any()


@needs_compiler
def test_results_do_not_depend_on_the_number_of_threads():
    inputs = [x.float() if x.is_floating_point() else x for x in example(3, 101, 4, 70)]
    grad_y = torch.ones_like(inputs[0])
    before, runs = torch.get_num_threads(), {}
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            runs[threads] = [x.numpy().tobytes() for x in measured(inputs, grad_y, True)]
    finally:
        torch.set_num_threads(before)
    assert runs[1] == runs[2] == runs[5]


@needs_compiler
def test_transposed_inputs_give_the_same():
    inputs = example(3, 20, 2, 6)
    strided = [x if i == 7 else x.mT.contiguous().mT for i, x in enumerate(inputs)]
    for ours, same in zip(
        measured(inputs, torch.ones_like(inputs[0]), True),
        measured(strided, torch.ones_like(inputs[0]).mT.contiguous().mT, True),
        strict=True,
    ):
        assert torch.equal(ours, same)


@needs_compiler
@pytest.mark.parametrize("shape", [{"batch": 0}, {"length": 0}])
def test_nothing_to_scan(shape):
    inputs = example(**shape)
    y, *grads = measured(inputs, inputs[0], True)
    assert y.shape == inputs[0].shape
    assert [g.shape for g in grads] == [x.shape for x in inputs[:7]]
    assert all(not g.any() for g in grads)


@needs_compiler
@pytest.mark.parametrize(
    ("index", "change", "words"),
    [
        (0, torch.Tensor.half, "u must be"),
        (1, torch.Tensor.float, "delta must be torch.float64"),
        (2, lambda x: x[:, :0], "no empty axis"),
        (3, lambda x: x[..., :-1], r"B must be torch.float64 \(1, 2, 7, 16\)"),
        (5, lambda x: x[0], "D must be"),
        (7, torch.Tensor.int, "orders must be torch.int64"),
    ],
)
def test_wrong_inputs_are_named(index, change, words):
    inputs = example()
    inputs[index] = change(inputs[index])
    with pytest.raises(ValueError, match=words) as caught:
        native.forward(*inputs, True)
    assert "\n" not in str(caught.value)


# ---- building ------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty cache folder, and a backend that has not been loaded yet; both put back afterwards."""
    monkeypatch.setenv("SSMPOSE_CACHE", str(tmp_path / "cache"))
    native._library.cache_clear()
    yield tmp_path / "cache"
    native._library.cache_clear()


def script(file: Path, text: str) -> Path:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def test_without_a_compiler_there_is_a_reason(fresh, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    reason = native.available()
    assert reason == "no C++ compiler found (set CXX): the scan runs on the slower reference backend"
    with pytest.raises(RuntimeError, match="no C"):
        native.forward(*example(), True)


@pytest.mark.parametrize(
    ("named", "reason"), [("/nonexistent", "CXX names /nonexistent, which"), ("'g++", "CXX cannot be read")]
)
def test_a_wrong_cxx_is_named(fresh, monkeypatch, named, reason):
    monkeypatch.setenv("CXX", named)
    assert native.available().startswith(reason)


def test_a_failing_build_gives_the_compilers_first_error(fresh, monkeypatch, tmp_path):
    broken = script(
        tmp_path / "broken",
        'case "$*" in *--version*) exit 0;; esac; echo "In file x" >&2; echo "x.h:3: error: no such thing" >&2; exit 1',
    )
    monkeypatch.setenv("CXX", str(broken))
    reason = native.available()
    assert "(x.h:3: error: no such thing)" in reason
    assert "\n" not in reason
    assert list(fresh.iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_gives_a_reason(fresh, monkeypatch):
    fresh.write_text("a file where the folder should be")
    assert "SSMPOSE_CACHE" in native.available()


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-40] + b"x" * 40])
def test_a_damaged_library_is_rebuilt(fresh, damage):
    assert native.available() is None
    (file,) = fresh.iterdir()
    intact = file.read_bytes()
    # A new file: writing into the one that is mapped would break this very process.
    (other := file.with_name("damaged")).write_bytes(damage(intact))
    other.replace(file)
    native._library.cache_clear()
    assert native.available() is None
    assert native._intact(file)
    assert list(fresh.iterdir()) == [file]


@needs_compiler
@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names x86 instruction sets")
@pytest.mark.parametrize("instructions", ["x86-64", "x86-64-v3"])
def test_every_vector_width_is_right(fresh, monkeypatch, instructions):
    monkeypatch.setattr(native, "FLAGS", (*native.FLAGS[:-1], f"-march={instructions}"))
    for dtype, tolerance in TOLERANCE.items():
        check(example(2, 37, 3, 21, 19), True, dtype, tolerance)
        check(with_values(1, 19, length=40, channels=17), True, dtype, tolerance)
    inputs = [x.float() if x.is_floating_point() else x for x in example()]
    inputs[1] *= torch.nan
    assert native.forward(*inputs, True).isnan().all()


@needs_compiler
def test_an_intact_library_is_not_built_again(fresh, monkeypatch):
    assert native.available() is None
    native._library.cache_clear()
    monkeypatch.setattr(native, "_build", None)
    assert native.available() is None
