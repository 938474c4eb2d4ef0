from pathlib import Path

from studies.records import Record
from workflow.measuring.records import recompute
from workflow.scripting import logged

with logged(snakemake.log[0]):
    kept = map(Record.in_folder, snakemake.params.records)
    recompute(zip(kept, snakemake.params.specs, strict=True), Path(snakemake.output[0]))
