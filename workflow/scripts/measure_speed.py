from base.files import write_rows
from studies.measurements import Measurement
from studies.places import SPEED
from workflow.measuring.speed import time_rows
from workflow.scripting import logged

with logged(snakemake.log[0]):
    params = snakemake.params
    for family, variants in params.variants.items():
        rows = time_rows(variants, params.backend, **params.passes, weighed=params.weighed)
        write_rows(SPEED.format(family=family), Measurement, rows)
