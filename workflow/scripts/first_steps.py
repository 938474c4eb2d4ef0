from pathlib import Path

from workflow.measuring.first_steps import write_first_steps
from workflow.scripting import logged

with logged(snakemake.log[0]):
    data, path = Path(snakemake.input.data), Path(snakemake.output[0])
    write_first_steps(snakemake.params.specs, data, path, lenient=snakemake.params.lenient)
