from pathlib import Path

from workflow.measuring.scaling import measure, write_rows
from workflow.scripting import logged

with logged(snakemake.log[0]):
    curve, size = snakemake.params.curve, int(snakemake.wildcards.size)
    rows = measure(curve, size, snakemake.input.smaller, snakemake.threads, snakemake.params.backend)
    write_rows(curve, rows, Path(snakemake.output[0]))
