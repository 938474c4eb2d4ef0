from pathlib import Path

from reports.site.build import write_site
from workflow.scripting import logged

with logged(snakemake.log[0]):
    where = (Path(snakemake.input.measurements).parent, snakemake.output.folder)
    write_site(snakemake.params.studies, *where, **snakemake.params.options)
