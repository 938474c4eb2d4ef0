"""The contract of `measurements.csv`: written by workflow.measuring, read by reports.measurements."""

COLUMNS = [
    "scale",
    "dataset",
    "variant",
    "recipe",
    "seed",
    "metric",
    "value",
    "unit",
    "convention",
    "device",
    "run",
    "revision",
]
# Metric of rows that say how much data and training was behind a run at scale `paper`: what verdicts ask for.
CONDITION = "condition"
