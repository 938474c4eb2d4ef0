from pathlib import Path

from reports.audit.write import write_audit
from reports.measurements import Choice
from workflow.scripting import logged

with logged(snakemake.log[0]):
    read = (Path(snakemake.input.cells).parent, str(snakemake.input.evidence))
    write_audit(snakemake.params.studies, *read, Choice(**snakemake.params.options))
