from pathlib import Path

from workflow.efficiency import time_rows
from workflow.measurements import write_measurements
from workflow.scripting import logged

with logged(snakemake.log[0]):
    params = snakemake.params
    rows = time_rows(params.variants, params.backend, params.runs, params.warmup, threads=params.wanted)
    write_measurements(rows, Path(snakemake.output[0]))
