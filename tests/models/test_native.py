"""The compiled scan: its arithmetic, its determinism, its memory, and its building. test_parity.py has its numbers."""

import platform
import stat
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models import compiled
from models.ssm import native
from models.ssm.inputs import ScanInputs
from workflow.measuring.parity import CASES, TOLERANCE, draw, errors

needs_compiler = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))


def run(inputs: ScanInputs, delta_softplus: bool = True) -> list[Tensor]:
    """The output and all gradients that there are."""
    y, kept = native.forward(inputs, delta_softplus, True)
    return [y, *(g for g in native.backward(torch.ones_like(y), inputs, delta_softplus, kept) if g is not None)]


def single(inputs: ScanInputs) -> ScanInputs:
    return ScanInputs(*(x.float() if x is not None and x.is_floating_point() else x for x in inputs))


@needs_compiler
def test_exponential_and_softplus_are_accurate_in_every_range():
    """One token: y = C d B u with d = softplus(delta). Two: the first one's share is times exp(d A)."""
    delta = torch.linspace(-100, 40, 20001)
    one = torch.ones(1, 1, 1, 1)
    inputs = ScanInputs(torch.ones(1, 1, 20001), delta.view(1, 1, 1, -1), -torch.ones(1, 20001, 1), one, one)
    y, _ = native.forward(inputs, True, False)
    exact = torch.where(delta.double() > 20, delta.double(), torch.log1p(torch.exp(delta.double())))
    normal = exact > 2e-38  # below, the result may be 0
    error = (y.flatten().double() - exact).abs() / exact
    assert (error / (1 + delta.double().abs()))[normal].max() < 3.5e-7  # exp(x) is as far off as x log2(e) is
    assert y.flatten()[~normal].max() < 2e-38

    rate = -torch.linspace(0, 120, 20001)  # (E,), with steps of length 1
    u = torch.zeros(1, 2, 20001)
    u[0, 0] = 1
    both = torch.ones(1, 1, 2, 1)
    inputs = ScanInputs(u, torch.ones(1, 1, 2, 20001), rate.view(1, -1, 1), both, both)
    y, _ = native.forward(inputs, False, False)
    exact = torch.exp(rate.double())
    assert y[0, 1, 0] == 1  # exp(0) is 1 to the last bit
    error = (y[0, 1].double() - exact).abs() / exact
    assert error[rate > -1].max() < 3.5e-7
    assert (error / (1 - rate.double()))[rate > -87].max() < 3.5e-7  # the product d A is rounded too
    assert y[0, 1, rate < -88].max() < 1e-38


@needs_compiler
@pytest.mark.parametrize("to_dtype", [single, lambda inputs: inputs])
def test_nan_stays_nan_and_stays_in_its_channel(to_dtype):
    inputs = to_dtype(draw(length=40, channels=5))
    inputs.delta[0, 0, 3, 2] = torch.nan
    y, _, ddelta, *_ = run(inputs)
    hit = torch.isnan(y[0])  # (L, E)
    step = inputs.orders[0].tolist().index(3)
    assert set(hit[:, 2].nonzero().flatten().tolist()) == set(inputs.orders[0][step:].tolist())
    assert not hit[:, [0, 1, 3, 4]].any()
    assert torch.isnan(ddelta[0, 0, 3, 2])
    assert not torch.isnan(ddelta[0, 1]).any()


@needs_compiler
@pytest.mark.parametrize("rank", [0, 4])
def test_results_do_not_depend_on_the_number_of_threads(rank):
    inputs = single(draw(3, 101, 4, 70, rank=rank))
    before, runs = torch.get_num_threads(), {}
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            runs[threads] = [x.numpy().tobytes() for x in run(inputs)]
    finally:
        torch.set_num_threads(before)
    assert runs[1] == runs[2] == runs[5]


@needs_compiler
def test_where_the_inputs_lie_does_not_matter():
    """Transposed, and as a network gives them: step sizes, B and C as slices of one tensor."""
    inputs = draw(3, 20, 2, 6, rank=4)
    transposed = ScanInputs(*(x if x.dtype == torch.int64 else x.mT.contiguous().mT for x in inputs))
    packed = torch.cat((inputs.delta, inputs.B, inputs.C), -1).transpose(1, 2).contiguous().transpose(1, 2)
    delta, B, C = packed.split((4, 16, 16), -1)
    assert not any(x.is_contiguous() for x in (delta, B, C))
    for other in (transposed, inputs._replace(delta=delta, B=B, C=C)):
        assert all(torch.equal(ours, same) for ours, same in zip(run(inputs), run(other), strict=True))


@needs_compiler
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"u": torch.Tensor.half}, "u must be float32 or float64"),
        ({"delta": torch.Tensor.float}, "delta must be torch.float64"),
        ({"A": lambda x: x[:, :0]}, "no empty axis"),
        ({"B": lambda x: x[..., :-1]}, r"B must be torch.float64 \(1, 2, 37, 16\)"),
        ({"D": lambda x: x[0]}, "D must be"),
        ({"orders": torch.Tensor.int}, "orders must be torch.int64"),
        ({"orders": lambda x: x + 1}, "permutation of 0 .. 36"),
        ({"orders": lambda x: x * 0}, "permutation of 0 .. 36"),
    ],
)
def test_wrong_inputs_are_named(change, words):
    inputs = draw()
    inputs = inputs._replace(**{name: function(getattr(inputs, name)) for name, function in change.items()})
    with pytest.raises(ValueError, match=words) as caught:
        native.forward(inputs, True, False)
    assert "\n" not in str(caught.value)


@needs_compiler
@pytest.mark.parametrize("name", ["grad_y", "kept"])
def test_a_backward_pass_that_does_not_fit_is_named(name):
    inputs = draw()
    y, kept = native.forward(inputs, True, True)
    given = {"grad_y": y, "kept": kept}
    given[name] = given[name][:, :-1]
    with pytest.raises(ValueError, match=f"{name} must be torch.float64"):
        native.backward(given["grad_y"], inputs, True, given["kept"])


# ---- building ------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty cache folder, and a backend that has not been loaded yet; both put back afterwards."""
    monkeypatch.setenv("SSMPOSE_CACHE", str(tmp_path / "cache"))
    compiled.library.cache_clear()
    yield tmp_path / "cache"
    compiled.library.cache_clear()


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
        native.forward(draw(), True, False)


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
def test_a_damaged_library_is_rebuilt(fresh, damage, monkeypatch):
    monkeypatch.setattr(native, "FLAGS", tuple(flag for flag in native.FLAGS if flag != "-O3"))  # built in less time
    assert native.available() is None
    (file,) = fresh.iterdir()
    intact = file.read_bytes()
    # A new file: writing into the one that is mapped would break this very process.
    (other := file.with_name("damaged")).write_bytes(damage(intact))
    other.replace(file)
    compiled.library.cache_clear()
    assert native.available() is None
    assert compiled.intact(file)
    assert list(fresh.iterdir()) == [file]


@needs_compiler
@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names x86 instruction sets")
@pytest.mark.parametrize("instructions", ["x86-64", "x86-64-v3"])
def test_every_vector_width_is_right(fresh, monkeypatch, instructions):
    monkeypatch.setattr(native, "FLAGS", (*native.FLAGS, f"-march={instructions}"))
    for dtype, tolerance in TOLERANCE.items():
        for inputs in (draw(2, 37, 3, 21, 19, rank=3), CASES["around the softplus threshold"](), CASES["A huge"]()):
            assert max(errors(inputs, "cpu", dtype).values()) <= tolerance
    inputs = single(draw())
    inputs.delta.mul_(torch.nan)
    assert native.forward(inputs, True, False)[0].isnan().all()


@needs_compiler
def test_an_intact_library_is_not_built_again(fresh, monkeypatch):
    assert native.available() is None
    compiled.library.cache_clear()
    monkeypatch.setattr(compiled, "_build", None)
    assert native.available() is None
