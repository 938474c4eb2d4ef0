"""What of a run must not depend on how it got there."""

from pathlib import Path


def run_bytes(run: Path) -> dict[str, bytes]:
    """Everything in a run's folder but run.json, which holds times."""
    return {p.name: p.read_bytes() for p in sorted(run.iterdir()) if p.name != "run.json"}
