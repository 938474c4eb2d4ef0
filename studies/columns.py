"""The contract of `measurements.csv`: written by workflow/measurements.py, read by reports/measurements.py."""

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
