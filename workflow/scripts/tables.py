from pathlib import Path

from reports.tables import write_tables
from workflow.scripting import logged

with logged(snakemake.log[0]):
    folder = Path(snakemake.output[0]).parent
    for study in snakemake.params.studies:
        write_tables(study, snakemake.input.measurements, folder, **snakemake.params.options)
