"""Every backend that can run here against the float64 reference: the output and the gradient of every input."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.ssm import native, reference, rounding
from models.ssm.inputs import ScanInputs
from workflow.measuring import parity
from workflow.measuring.parity import CASES, GRADIENTS, TOLERANCE, draw, errors, outputs, table

no_compiler = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))
BACKENDS = ["reference", pytest.param("cpu", marks=no_compiler)]
ONE = {"batch": 1, "length": 33, "directions": 1, "channels": 1, "states": 1, "rank": 1}  # sums that may be near 0

shapes = st.fixed_dictionaries(
    {
        "batch": st.sampled_from([1, 3, 17]),
        "length": st.sampled_from([1, 2, native.CHUNK - 1, native.CHUNK, native.CHUNK + 1, 2 * native.CHUNK + 5]),
        "directions": st.integers(1, 4),
        "channels": st.sampled_from([1, 3, 16, 17, 64]),
        "states": st.sampled_from([1, 5, 16, 19]),
        "rank": st.sampled_from([0, 1, 4, 6]),
        "seed": st.integers(0, 999),
        "shuffled": st.booleans(),
    }
)


def check(found: dict[str, float], dtype: torch.dtype) -> None:
    assert all(error <= TOLERANCE[dtype] for error in found.values()), found


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@examples(25)
@given(shape=shapes, delta_softplus=st.booleans(), absent=st.sets(st.sampled_from(["D", "delta_bias"])))
def test_any_shape(name, dtype, shape, delta_softplus, absent):
    if not delta_softplus:  # then the step sizes are given as they are, and are positive
        shape = shape | {"rank": 0}
    inputs = draw(**shape)
    if not delta_softplus:
        inputs = inputs._replace(delta=inputs.delta.abs(), delta_bias=inputs.delta_bias.abs())
    inputs = inputs._replace(**dict.fromkeys(absent))
    check(errors(inputs, name, dtype, delta_softplus=delta_softplus), dtype)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_named_cases(name, dtype, case):
    check(errors(CASES[case](), name, dtype), dtype)


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("hundred", range(4))
def test_a_single_number_may_be_near_zero(name, hundred):
    """Relative to the number itself D is off by 6e-4 with seed 276, delta_bias by 4e-5 with 279."""
    for seed in (782, *range(100 * hundred, 100 * hundred + 100)):
        check(errors(draw(**ONE, seed=seed), name, torch.float32), torch.float32)


@pytest.mark.slow
@no_compiler
def test_a_clip_of_the_paper_in_float32():
    check(errors(draw(1, 4131, 2, 32, 16, rank=4), "cpu", torch.float32), torch.float32)


# ---- the measure -----------------------------------------------------------------------------------------------


def test_terms_that_are_all_positive_are_the_numbers_themselves():
    """Nothing cancels then, but in the gradient of a step, which drives and slows a state."""
    inputs = draw(2, 9, 2, 3, 4, rank=2)
    inputs = inputs._replace(**{name: getattr(inputs, name).abs() for name in "uBCD"})
    grad_y = torch.rand(inputs.u.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    steps = rounding._Steps(inputs, delta_softplus=True)
    sizes = rounding._terms(inputs, steps, grad_y, blur=0.0, least=0.0)
    y, _ = reference.forward(inputs.with_full_steps(), True, False)
    gradients = ScanInputs(*reference.backward(grad_y, inputs.with_full_steps(), True, None))
    for name, exact in {"y": y, **{name: getattr(gradients, name) for name in "uABCD"}}.items():
        torch.testing.assert_close(sizes[name], exact, rtol=1e-12, atol=1e-12)
    assert (sizes["delta_bias"] >= gradients.delta_bias.abs()).all()
    assert sizes.keys() == rounding.magnitudes(inputs, grad_y).keys() == outputs(inputs, "reference").keys()


def test_a_decay_whose_exponent_is_large_may_be_off_by_more():
    """Two tokens, the first of which is remembered by exp(-x): rounding x moves that by x times as much."""
    one, rate = torch.ones(1, 1, 2, 1, dtype=torch.float64), torch.tensor([[[-5.0], [-20.0]]], dtype=torch.float64)
    u = torch.tensor([[[1.0], [0.0]]], dtype=torch.float64).expand(1, 2, 2)
    inputs = ScanInputs(u, one.expand(1, 1, 2, 2), rate, one, one)
    y = rounding.magnitudes(inputs, torch.ones_like(u), delta_softplus=False)["y"]
    # The step itself, given as one number, may be off too: it is in x and a factor of the first token.
    torch.testing.assert_close(y[0, 1], (2 - 2 * rate[0, :, 0]) * rate[0, :, 0].exp(), rtol=1e-2, atol=0)


def off(function: Callable, by: float) -> Callable:
    """The same in float64, too large by that fraction in float32: the oracle stays right."""

    def changed(*arguments, **options) -> Tensor:
        result = function(*arguments, **options)
        return result * (1 + by) if result.dtype == torch.float32 else result

    return changed


@pytest.mark.parametrize(
    ("planted", "shape"),
    [*product(["softplus", "_Part.step", "_Part.to_grid"], [{"length": 33}, ONE]), ("_Part.whole_decay", {})],
)
def test_an_operation_that_is_off_by_a_little_is_refused(monkeypatch, planted, shape):
    *owner, name = planted.split(".")
    place = getattr(reference, owner[0]) if owner else reference
    monkeypatch.setattr(place, name, off(getattr(place, name), 2e-5))
    for seed in range(10):
        assert max(errors(draw(**shape, seed=seed), "reference", torch.float32).values()) > TOLERANCE[torch.float32]


@pytest.mark.parametrize("planted", ["y", *GRADIENTS])
def test_a_result_that_is_off_by_a_millionth_of_its_terms_is_refused(monkeypatch, planted):
    inputs = draw(rank=2)
    terms = rounding.magnitudes(inputs, parity.loss_weights(inputs.u))[planted]

    def changed(inputs: ScanInputs, name: str, *rest) -> dict[str, Tensor]:
        results = outputs(inputs, name, *rest)
        return results | ({planted: results[planted] + 1e-6 * terms} if inputs.u.dtype == torch.float32 else {})

    monkeypatch.setattr(parity, "outputs", changed)
    found = errors(inputs, "reference", torch.float32)
    assert {name for name, error in found.items() if error > TOLERANCE[torch.float32]} == {planted}


def test_the_table_has_a_line_for_every_backend(monkeypatch):
    monkeypatch.setattr(parity, "CASES", {"one token": CASES["one token"]})
    lines = table().splitlines()
    assert lines[0].count("|") == 11
    assert any(line.startswith("| reference, cpu, float64 | 0e+00") for line in lines)
