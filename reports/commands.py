"""Commands that pages tell a reader to type, as the Makefile and config.yaml understand them."""

from studies.scales import PAPER


def make(target: str, scale: str, motion: str, **choices: object) -> str:
    """`make train scale=quick dataset=cmu variants=mlp seeds=0`; choices: other keys of config.yaml, lists as `a,b`."""
    where = "benchmarks" if scale == PAPER else "dataset"
    said = {"scale": scale, where: motion, **choices}
    return " ".join(["make", target, *(f"{key}={value}" for key, value in said.items())])
