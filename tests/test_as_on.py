"""As on another processor: every library says that it takes no more than that one has."""

import json
import platform
import subprocess
import sys

import as_on
import pytest

# In a process of its own: libraries look at the processor once, when they are loaded.
TAKEN = """
import ctypes, json
from pathlib import Path
import numpy, torch
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from models import compiled
from models.ssm import native

(blas,) = Path(numpy.__file__).parent.parent.glob("numpy.libs/libscipy_openblas64_*.so")
core = ctypes.CDLL(str(blas)).scipy_openblas_get_corename64_
core.restype = ctypes.c_char_p
macros = compiled.run([*compiled.compiler(), *native.FLAGS, "-dM", "-E", "-x", "c++", "/dev/null"])
print(json.dumps({
    "torch": torch.backends.cpu.get_cpu_capability(),
    "threads": torch.get_num_threads(),
    "numpy": [name for name in __cpu_dispatch__ if __cpu_features__[name]],
    "openblas": core().decode(),
    "kernels": [name for name in ("__AVX__", "__AVX2__", "__AVX512F__") if f"#define {name} " in macros],
}))
"""
AVX2 = {"torch": "AVX2", "numpy": ["X86_V3"], "openblas": "Haswell", "kernels": ["__AVX__", "__AVX2__"]}
DEFAULT = {"torch": "DEFAULT", "numpy": [], "openblas": "Nehalem", "kernels": []}


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the processors are x86-64's")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("processor", "taken"), [("avx2", AVX2), ("default", DEFAULT)])
def test_libraries_take_what_the_processor_has(processor, taken, threads):
    environment = as_on.environment(processor, threads)
    told = subprocess.check_output([sys.executable, "-c", TAKEN], cwd=as_on.ROOT, env=environment, text=True)
    assert json.loads(told) == taken | {"threads": threads}


@pytest.mark.parametrize("arguments", [[], ["avx2"], ["avx2", "3"], ["sse", "1"], ["avx2", "two"]])
def test_wrong_arguments_are_one_line(arguments, capsys):
    assert as_on.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("path", [*as_on.COMPUTING, *(f"tests/{file}" for file in as_on.ELSEWHERE)])
def test_what_is_taken_and_left_out_is_there(path):
    assert (as_on.ROOT / path.partition("::")[0]).exists()
