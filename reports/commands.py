"""Commands that pages tell a reader to type, as the Makefile and config.yaml understand them."""

from studies.scales import PAPER


def make(target: str, scale: str, motion: str, **choices: object) -> str:
    """`make train scale=quick motion=cmu variants=mlp seeds=0`; choices: other keys of config.yaml, lists as `a,b`."""
    return f"make {target} {_said(scale, motion, **choices)}"


def file(path: str, scale: str, motion: str) -> str:
    """What makes one file of the workflow, and nothing beside it."""
    return f".venv/bin/python -m workflow run {path} --config {_said(scale, motion)}"


def _said(scale: str, motion: str, **choices: object) -> str:
    where = "benchmarks" if scale == PAPER else "motion"
    return " ".join(f"{key}={value}" for key, value in {"scale": scale, where: motion, **choices}.items())
