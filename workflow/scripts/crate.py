from pathlib import Path

from reports.crate import write_crate
from workflow.scripting import logged

with logged(snakemake.log[0]):
    report = Path(snakemake.input.measurements).parent
    write_crate(snakemake.params.studies, report, **snakemake.params.options)
