from base.files import write_rows
from studies.measurements import Measurement
from workflow.measuring.efficiency import time_rows
from workflow.scripting import logged

with logged(snakemake.log[0]):
    params = snakemake.params
    how = params.backend, params.runs, params.warmup, params.wanted
    rows = time_rows(params.variants, *how, weighed=params.weighed)
    write_rows(snakemake.output[0], Measurement, rows)
