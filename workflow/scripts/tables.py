from pathlib import Path

from reports.tables import write_tables
from workflow.scripting import logged

with logged(snakemake.log[0]):
    folder = Path(snakemake.output[0]).parent
    for study in snakemake.params.studies:
        found = (snakemake.input.measurements, folder, snakemake.input.comparisons)
        write_tables(study, *found, **snakemake.params.options)
