"""The contracts of `measurements.csv` and `count-parts.csv`: written by workflow.measuring, read by reports.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from dataclasses import dataclass, fields

# Metric of rows that say how much data and training was behind a run at scale `paper`: what verdicts ask for.
CONDITION = "condition"
HIGHER_IS_BETTER = ("ap", "pck", "auc", "throughput")  # how the names of such metrics begin


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number: a row of the file, its fields the columns.

    convention : how it was counted; of an accuracy `<protocol>/<split>/<selection>` (docs/protocols.md)
    run : its folder; empty for what needs no run, as dataset, recipe and seed then are
    """

    scale: str
    dataset: str = ""
    variant: str
    recipe: str = ""
    seed: int | None = None
    metric: str
    value: float | None
    unit: str
    convention: str
    device: str
    run: str = ""
    revision: str


@dataclass(frozen=True)
class CountPart:
    """A part of a count: a row of count-parts.csv. All parts of a count add up to its measurement.

    metric : `params` or `macs_per_clip`, as of the measurement; part : a key of `metrics.efficiency.Parts`
    """

    variant: str
    convention: str
    metric: str
    part: str
    value: int


COLUMNS = [field.name for field in fields(Measurement)]
PART_COLUMNS = [field.name for field in fields(CountPart)]


def higher_is_better(metric: str) -> bool:
    """Whether a larger value of a metric is the better one."""
    return metric.startswith(HIGHER_IS_BETTER)
