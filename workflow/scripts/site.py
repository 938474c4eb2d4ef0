from pathlib import Path

from reports.measurements import Choice
from reports.site.build import write_site
from workflow.scripting import logged

with logged(snakemake.log[0]):
    where = (Path(snakemake.input.cells).parent, snakemake.output.folder)
    write_site(snakemake.params.studies, *where, Choice(**snakemake.params.options))
