"""Several processes that train one network, each on its share of every batch (torchrun starts them).

Gradients are summed with the weight of each share, so that the step is that of one process with the whole batch, up to
rounding; a network with batch normalisation excepted, whose statistics are then those of a share. PyTorch's
DistributedDataParallel does the summing while it still goes backward; it would hide the methods of our networks behind
its own `forward`, which is all that it watches.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, nn

PATIENCE = timedelta(days=7)  # of processes that wait for another


class Team:
    """This process among `size` ones; alone, everything here does nothing."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @property
    def leads(self) -> bool:
        """Whether this process evaluates, reports and writes files."""
        return self.rank == 0

    def parts(self, count: int, accumulate: int) -> list[slice]:
        """This process's rows of a batch of `count`, in as many pieces as gradients are accumulated over.

        Of a batch smaller than the team some have none; the leader, whose norms' statistics are kept, has its share.
        """
        pieces = self.size * accumulate
        edges = [-(-count * i // pieces) for i in range(pieces + 1)]
        own = range(self.rank * accumulate, (self.rank + 1) * accumulate)
        return [slice(edges[i], edges[i + 1]) for i in own if edges[i] < edges[i + 1]]

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its sum over all processes; where none has one for a parameter, none gets one."""
        if self.size == 1:
            return
        trained = [p for p in parameters if p.requires_grad]
        flat = [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in trained]
        having = flat[0].new_tensor([p.grad is not None for p in trained])
        total = torch.cat([*flat, having])
        torch.distributed.all_reduce(total)
        *gradients, having = total.split([*(p.numel() for p in trained), len(trained)])
        for parameter, gradient, any_has in zip(trained, gradients, having.tolist(), strict=True):
            parameter.grad = gradient.view_as(parameter) if any_has else None

    def sum_numbers(self, numbers: Mapping[str, float], device: torch.device) -> dict[str, float]:
        """Each number summed over all processes, which must name the same ones."""
        if self.size == 1:
            return dict(numbers)
        total = torch.tensor(list(numbers.values()), dtype=torch.float64, device=device)
        torch.distributed.all_reduce(total)
        return dict(zip(numbers, total.tolist(), strict=True))

    def from_leader(self, numbers: list[float | None], device: torch.device) -> list[float | None]:
        """The leader's numbers, in all processes."""
        if self.size == 1:
            return numbers
        sent = torch.tensor([torch.nan if n is None else n for n in numbers], dtype=torch.float64, device=device)
        torch.distributed.broadcast(sent, 0)
        return [None if n != n else n for n in sent.tolist()]


ALONE = Team()


@contextmanager
def team() -> Iterator[Team]:
    """The team that torchrun's environment describes, or `ALONE`; each process gets its own GPU where there are any."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # torchrun ends all when one fails; a deadline would only end a team whose leader takes long to evaluate.
    torch.distributed.init_process_group("nccl" if gpu else "gloo", timeout=PATIENCE)
    try:
        yield Team(torch.distributed.get_rank(), size)
    finally:
        torch.distributed.destroy_process_group()


def of_device(tensors: Iterable[Tensor]) -> torch.device:
    """Where a network's tensors are."""
    return next((tensor.device for tensor in tensors), torch.device("cpu"))
