"""What the way in costs: a call of the operator, and building the library, beside what torch's own ways cost."""

import sysconfig
from collections.abc import Callable
from pathlib import Path

import builds
import pytest
import scans
import torch
from torch.utils import cpp_extension

from models import compiled
from models.ssm import native
from models.ssm.inputs import ScanInputs

pytestmark = pytest.mark.skipif(native.available() is not None, reason=str(native.available()))
HEADERS = Path(sysconfig.get_path("include"))
EXTENSION = """
#include <torch/extension.h>
torch::Tensor twice(torch::Tensor x) { return x * 2; }
PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("twice", &twice); }
"""


def test_a_call(compare: Callable, full: bool) -> None:
    """One token of one channel with one state: all of it is overhead."""
    inputs = ScanInputs(*(torch.ones(shape) for shape in ([1] * 3, [1] * 4, [1] * 3, [1] * 4, [1] * 4)))

    def call() -> torch.Tensor:
        with torch.inference_mode():
            return scans.ours(inputs)

    calls = {"the scan of one token": call, "adding two numbers": lambda: inputs.u + inputs.u}
    results = compare("A call, one thread", calls, rounds=1000 if full else 1)
    assert results["the scan of one token"].shape == results["adding two numbers"].shape


@pytest.mark.skipif(not (HEADERS / "Python.h").is_file(), reason="needs Python's headers")
def test_a_build(compare: Callable, full: bool, tmp_path: Path) -> None:
    """The whole library through its plain C interface, and a torch extension that does nothing to speak of."""
    if not full:
        pytest.skip("a minute, for nothing where nothing is measured")
    (tmp_path / "extension.cpp").write_text(EXTENSION, encoding="utf-8")
    folders = [f"-I{folder}" for folder in [*cpp_extension.include_paths(), HEADERS]]
    extension = ["-w", "-std=c++20", "-O2", "-fPIC", "-DTORCH_EXTENSION_NAME=extension", *folders]

    def build_extension() -> Path:
        target = tmp_path / "extension.o"
        compiled.run([*compiled.compiler(), *extension, "-c", "-o", str(target), str(tmp_path / "extension.cpp")])
        return target

    calls = {
        "the scan": lambda: builds.build.__wrapped__(builds.SCAN),
        "a torch extension, not linked": build_extension,
    }
    results = compare("A build", calls, rounds=3, every=3, warm=False)
    assert results["a torch extension, not linked"].is_file()
