"""What whole networks cost, without counting again what is kept."""

from functools import cache

import pandas as pd

from metrics.efficiency import count_under
from workflow.measuring.counts import count_key, kept_counts
from workflow.measuring.meta import on_meta


@cache
def _kept() -> pd.DataFrame:
    return kept_counts().numbers


def costs(name: str, *conventions: str) -> list[tuple[int, int]]:
    """Trained parameters and MACs a clip under each convention: kept, where nothing that decides them changed.

    What decides is the key of the kept count (`workflow.measuring.counts`): the network, the code and the programs.
    """
    keys = [count_key(name, remembered) for remembered in (False, True)]
    kept = _kept()[_kept()["key"].isin(keys)].set_index(["convention", "metric"])["value"]
    if kept.empty:
        return [(count.trained, count.macs) for count in count_under(conventions, *on_meta(name)).values()]
    return [tuple(int(float(kept[each, metric])) for metric in ("params", "macs_per_clip")) for each in conventions]
