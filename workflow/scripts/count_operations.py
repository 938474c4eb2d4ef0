from pathlib import Path

from workflow.measuring.efficiency import count_all, count_rows, evaluated_rows, memory_rows, write_excluded
from workflow.measuring.measurements import write_measurements
from workflow.scripting import logged

with logged(snakemake.log[0]):
    variants = snakemake.params.variants
    counted = count_all(variants)
    write_excluded(counted, Path(snakemake.output.excluded))
    rows = [*count_rows(counted), *evaluated_rows(counted), *memory_rows(snakemake.params.remembered)]
    write_measurements(rows, Path(snakemake.output.counts))
