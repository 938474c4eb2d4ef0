"""The networks that no cheaper one beats."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Network = TypeVar("Network")


def front(networks: Iterable[Network], place: Callable[[Network], tuple[float, float]]) -> list[Network]:
    """Those that none of the same or lower cost beats, from the cheapest to the best (Pareto).

    place : cost and error of one, of both less is better
    """
    best: list[Network] = []
    for network in sorted(networks, key=place):
        if not best or place(network)[1] < place(best[-1])[1]:
            best.append(network)
    return best
