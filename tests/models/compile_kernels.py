"""Compile the scan's Triton kernels for a GPU that need not be there: `python tests/models/compile_kernels.py 90`.

Prints a line a kernel: its name, the registers of a thread, and the bytes of registers that it spills to memory.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from models.ssm import triton_kernels as kernels
from models.ssm import triton_scan as scan

# As a network calls them: low-rank step sizes, D, bias and orders, all given.
FORWARD = {"RANK": 4, "SOFTPLUS": True, "STEPS": scan.FORWARD_STEPS, "STATES": scan.STATES, "CHANNELS": scan.CHANNELS}
BACKWARD = FORWARD | {"STEPS": scan.BACKWARD_STEPS}
CARRY = {"GROUP": scan.GROUP, "CHANNELS": scan.CHANNELS}
LAUNCHES = (
    (kernels.summarise, FORWARD | {"grad_y": None, "adjoints": None}),
    (kernels.summarise, BACKWARD),
    (kernels.carry, CARRY | {"REVERSE": False}),
    (kernels.carry, CARRY | {"REVERSE": True}),
    (kernels.outputs, FORWARD),
    (kernels.gradients, BACKWARD),
)


def report(kernel: triton.JITFunction, constants: dict, capability: int) -> str:
    types = {name: "constexpr" if name in constants else type_of(name) for name in kernel.arg_names}
    aligned = {(i,): [["tt.divisibility", 16]] for i, name in enumerate(kernel.arg_names) if types[name][0] == "*"}
    source = ASTSource(kernel, types, constants, aligned)
    done = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": 1})
    with tempfile.TemporaryDirectory() as folder:
        (file := Path(folder) / "kernel.ptx").write_text(done.asm["ptx"])
        command = [triton.knobs.nvidia.ptxas.path, "-v", f"--gpu-name={re.search('sm_[0-9a-z]+', done.asm['ptx'])[0]}"]
        told = subprocess.run([*command, str(file), "-o", "/dev/null"], capture_output=True, text=True, check=True)
    registers, spilled = (re.search(f"(\\d+) {words}", told.stderr)[1] for words in ("registers", "bytes spill stores"))
    return f"{kernel.__name__} for sm_{capability}: {registers} registers, {spilled} spilled"


def type_of(name: str) -> str:
    return "i32" if name in kernels.SIZES else "*i64" if name == "orders" else "*fp32"


if __name__ == "__main__":
    for kernel, constants in LAUNCHES:
        print(report(kernel, constants, int(sys.argv[1])))
