"""Every backend that can run here against the float64 reference: the output and the gradient of every input."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ssm import native
from models.ssm.parity import CASES, draw, errors, table

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
no_compiler = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))
BACKENDS = ["reference", pytest.param("cpu", marks=no_compiler)]

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
@settings(max_examples=25, deadline=None)
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
@no_compiler
def test_a_clip_of_the_paper_in_float32():
    check(errors(draw(1, 4131, 2, 32, 16, rank=4), "cpu", torch.float32), torch.float32)


def test_the_table_has_a_line_for_every_backend(monkeypatch):
    monkeypatch.setattr("models.ssm.parity.CASES", {"one token": CASES["one token"]})
    lines = table().splitlines()
    assert lines[0].count("|") == 11
    assert any(line.startswith("| reference, cpu, float64 | 0e+00") for line in lines)
