from pathlib import Path

from reports.measurements import Choice
from reports.tables.writers import write_tables
from workflow.scripting import logged

with logged(snakemake.log[0]):
    folder = Path(snakemake.output.document).parent
    write_tables(snakemake.params.studies, snakemake.input.cells, folder, Choice(**snakemake.params.options))
