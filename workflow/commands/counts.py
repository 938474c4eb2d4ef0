"""Count the networks that changed again, and keep the counts in baselines/: `make counts`.

What `make` finds there it does not count again.
"""

from base.errors import InputError
from base.files import write_csv
from studies.config import read_config
from studies.places import KEPT_COUNTS
from studies.plan import make_plan
from workflow.commands.gate import edited
from workflow.measuring.counts import KEPT, counts_of, kept_counts


def main(_: list[str]) -> None:
    """Raises InputError in a checkout with changes: a count names the revision that it was counted at."""
    if edited():
        raise InputError("commit your changes first: a count names the revision that it was counted at")
    plan = make_plan(read_config())
    names = [name for variants in plan.families.values() for name in variants]
    counts, anew = counts_of(names, plan.shown("training_memory"), kept_counts())
    for path, table in zip(KEPT, counts.tables, strict=True):
        write_csv(path, table)
    print(f"{KEPT_COUNTS}: {len(names)} networks, {len(anew)} of them counted now")
