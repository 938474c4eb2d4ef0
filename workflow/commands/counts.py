"""Count the networks that changed again, and keep the counts in baselines/: `make counts`.

What `make` finds there it does not count again. With names of networks, count these now and print what comes of it.
"""

from base.errors import InputError
from base.files import write_csv
from studies.config import read_config
from studies.places import KEPT_COUNTS
from studies.plan import make_plan
from studies.variants import variant
from workflow.commands.gate import edited
from workflow.measuring.counts import KEPT, counts_of, kept_counts
from workflow.measuring.efficiency import count_all, count_rows, evaluated_rows


def main(names: list[str]) -> None:
    """Raises InputError for an unknown network."""
    if names:
        show(names)
    else:
        keep()


def show(names: list[str]) -> None:
    """Print what networks cost at full paper size under every convention, counted now."""
    for name in names:
        variant(name)
    counted = count_all(names)
    for row in (*count_rows(counted), *evaluated_rows(counted)):
        print(f"{row.variant:24} {row.metric:24} {row.convention:12} {row.value:>20,.12g} {row.unit}")


def keep() -> None:
    """Count what changed. Raises InputError in a checkout with changes: a count names its revision."""
    if edited():
        raise InputError("commit your changes first: a count names the revision that it was counted at")
    plan = make_plan(read_config())
    names = [name for variants in plan.families.values() for name in variants]
    counts, anew = counts_of(names, plan.shown("training_memory"), kept_counts())
    for path, table in zip(KEPT, counts.tables, strict=True):
        if "revision" in table:  # only baselines are changed, which no count depends on
            table["revision"] = table["revision"].str.removesuffix("+changes")
        write_csv(path, table)
    print(f"{KEPT_COUNTS}: {len(names)} networks, {len(anew)} of them counted now")
