from pathlib import Path

from reports.index import write_index
from workflow.scripting import logged

with logged(snakemake.log[0]):
    folder = Path(snakemake.output[0]).parent
    write_index(snakemake.params.studies, snakemake.input.measurements, folder, **snakemake.params.options)
