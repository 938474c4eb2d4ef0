"""The contract of `measurements.csv`: written by workflow.measuring, read by reports.measurements."""

from dataclasses import dataclass, fields

# Metric of rows that say how much data and training was behind a run at scale `paper`: what verdicts ask for.
CONDITION = "condition"


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


COLUMNS = [field.name for field in fields(Measurement)]
