from pathlib import Path

from reports.crate import write_crate
from reports.measurements import Choice
from workflow.scripting import logged

with logged(snakemake.log[0]):
    report = Path(snakemake.input.cells).parent
    write_crate(snakemake.params.studies, report, Choice(**snakemake.params.options))
