from pathlib import Path

from base.files import write_rows
from studies.measurements import Measurement
from workflow.measuring.efficiency import count_all, count_rows, evaluated_rows, memory_rows, write_excluded
from workflow.scripting import logged

with logged(snakemake.log[0]):
    variants = snakemake.params.variants
    counted = count_all(variants)
    write_excluded(counted, Path(snakemake.output.excluded))
    rows = [*count_rows(counted), *evaluated_rows(counted), *memory_rows(snakemake.params.remembered)]
    write_rows(snakemake.output.counts, Measurement, rows)
