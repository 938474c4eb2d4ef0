from pathlib import Path

from workflow.measuring.evidence import write_evidence
from workflow.scripting import logged

with logged(snakemake.log[0]):
    write_evidence(Path(snakemake.output[0]), snakemake.params.lenient)
