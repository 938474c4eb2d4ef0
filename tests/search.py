"""Search for examples that fail: what `make test` draws alike for everyone is drawn here at random, and more of it.

python tests/search.py [seed] [arguments of pytest]

The seed is printed; the same seed draws the same examples again. Without one a new one is taken.
"""

import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Exit status of pytest, 2 and one line for a seed that is no whole number."""
    seed, *rest = arguments or [str(secrets.randbelow(10**6))]
    if not seed.isascii() or not seed.isdigit():
        print(f"error: {seed}: the seed must be a whole number from 0 on, e.g. make search seed=7", file=sys.stderr)
        return 2
    drawn = ["-m", "hypothesis", "--hypothesis-profile=search", f"--hypothesis-seed={seed}"]
    command = [sys.executable, "-m", "pytest", "-n", "2", *drawn, *rest]
    print(f"searching with seed {seed}", flush=True)
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    print(f"searched with seed {seed}; the same again: make search seed={seed}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
