"""Snakemake's own lint, without its one advice that we decided against.

    python -m workflow lint

Snakemake wants a conda environment or a container for every rule. Here one pinned environment (requirements.txt) serves
all rules: a separate one for each would install torch a dozen times.
"""

import re
import subprocess
import sys

DECIDED = "Specify a conda environment or container for each rule."


def complaints(report: str) -> list[str]:
    """Lint messages of a `snakemake --lint` report (text), those about environments left out."""
    messages = re.split(r"\n(?=\s*\* )|\n(?=Lints for )", report)
    return [m.strip() for m in messages if m.lstrip().startswith("* ") and DECIDED not in m]


def main(_: list[str]) -> int:
    """Exit status: 1 where Snakemake complains of anything else."""
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint", "text"], capture_output=True, text=True, check=False
    )
    report = result.stdout + result.stderr
    # The advice is given for every rule, unless the workflow could not be read.
    left = complaints(report) if DECIDED in report else [report]
    print("\n".join(left) if left else "snakemake --lint: no complaints")
    return int(bool(left))
