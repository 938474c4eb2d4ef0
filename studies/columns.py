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
