"""Run the tests that compute as on another processor: `python tests/as_on.py avx2 2 [arguments of pytest]`.

Every library looks at the processor and takes the fastest code for it, so that numbers differ in their last digits from
one processor to the next. Each can be told to take less; test_as_on.py asks them what they took.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPUTING = ("tests/models", "tests/metrics")
# Not without AVX2, where nobody trains.
TRAINING = ("tests/training", "tests/workflow/commands/test_regression_gate.py::test_the_clean_tree_passes")
# Of these, what counts, reads, trains, measures memory or starts processes: no other processor makes that differ.
ELSEWHERE = (
    *("models/test_arguments.py", "models/test_build.py", "models/test_official.py", "models/test_reading.py"),
    *("models/test_scan_memory.py", "models/test_video_counts.py", "models/test_video_official.py"),
    *("metrics/test_counting.py", "metrics/test_paper_counts.py", "metrics/test_prediction.py"),
    *("metrics/test_timing_memory.py", "training/test_job.py", "training/test_shares.py", "training/test_team.py"),
    "training/test_video_recipes.py",  # whether networks of PyTorch's own operators learn
)
NAMES = "not counts and not tracer and not closed_form and not checkpoint and not rebuilt and not killed and not cost"
NAMES += " and not load and not coco"
PROCESSORS = {
    "this": {},
    "avx2": {
        "SSMPOSE_INSTRUCTIONS": "x86-64-v3",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    },
    "default": {  # what every x86-64 has, as PyTorch calls it
        "SSMPOSE_INSTRUCTIONS": "x86-64",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    },
}


def environment(processor: str, threads: int) -> dict[str, str]:
    """Variables of a process that computes as on that processor, with so many threads."""
    return os.environ | PROCESSORS[processor] | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}


def main(arguments: list[str]) -> int:
    """Exit status of pytest, 2 and one line for wrong arguments. One thread a process leaves room for two of them."""
    processor, threads, *rest = [*arguments, "", ""][: max(2, len(arguments))]
    if processor not in PROCESSORS or threads not in ("1", "2"):
        print(f"usage: python tests/as_on.py {{{','.join(PROCESSORS)}}} {{1,2}} [pytest's arguments]", file=sys.stderr)
        return 2
    workers = ["-n", "2", "--dist", "loadfile"] if threads == "1" else []
    computing = COMPUTING if processor == "default" else COMPUTING + TRAINING
    chosen = rest or [*computing, *(f"--ignore=tests/{file}" for file in ELSEWHERE), "-k", NAMES]
    command = [sys.executable, "-m", "pytest", "-m", "not alone", *workers, *chosen]
    print(f"as on {processor}, {threads} thread(s): {' '.join(command[2:])}", flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment(processor, int(threads)), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
