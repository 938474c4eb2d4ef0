from pathlib import Path

from workflow.measuring.efficiency import time_rows
from workflow.measuring.measurements import write_measurements
from workflow.scripting import logged

with logged(snakemake.log[0]):
    params = snakemake.params
    how = params.backend, params.runs, params.warmup, params.wanted
    rows = time_rows(params.variants, *how, weighed=params.weighed)
    write_measurements(rows, Path(snakemake.output[0]))
