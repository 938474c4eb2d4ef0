from pathlib import Path

from reports.audit.write import write_audit
from workflow.scripting import logged

with logged(snakemake.log[0]):
    read = (snakemake.input.measurements, str(snakemake.input.evidence))
    write_audit(snakemake.params.studies, *read, Path(snakemake.output[0]).parent, **snakemake.params.options)
