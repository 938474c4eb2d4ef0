"""Snakemake's own lint, without its one advice that we decided against.

    python -m workflow.lint

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


if __name__ == "__main__":
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint", "text"], capture_output=True, text=True, check=False
    )
    report = result.stdout + result.stderr
    if DECIDED not in report:  # said of every rule, unless the workflow could not be read
        sys.exit(report)
    if found := complaints(report):
        sys.exit("\n".join(found))
    print("snakemake --lint: no complaints")
