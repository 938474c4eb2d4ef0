from pathlib import Path

from reports.tables import write_table
from workflow.scripting import logged

with logged(snakemake.log[0]):
    names = snakemake.wildcards
    folder = Path(snakemake.output[0]).parent
    write_table(names.study, names.table, snakemake.input.measurements, folder, **snakemake.params.options)
