"""Residual blocks whose branches are dropped for some clips in training (stochastic depth)."""

from torch import Tensor, nn


class Residual(nn.Module):
    """A block whose branches (B, ...) are dropped for some clips in training, and scaled up for the others.

    Stochastic depth; drop_path : the share of clips that a branch is dropped for
    """

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path

    def drop(self, branch: Tensor) -> Tensor:
        """A branch, zero for the clips that it is dropped for."""
        return drop_path(branch, self.drop_path, self.training)


def drop_path(branch: Tensor, rate: float, training: bool) -> Tensor:
    """A branch (B, ...), zero for some clips and scaled up for the others."""
    if not training or rate == 0:
        return branch
    keep = 1 - rate
    return branch * branch.new_empty(len(branch), *[1] * (branch.ndim - 1)).bernoulli_(keep).div_(keep)


def rising(rate: float, depth: int) -> list[float]:
    """Rates of `depth` blocks, from 0 to `rate` in even steps."""
    return [rate * i / max(1, depth - 1) for i in range(depth)]
