from pathlib import Path

from workflow.measuring.parts import count_parts, write_parts
from workflow.scripting import logged

with logged(snakemake.log[0]):
    write_parts(count_parts(snakemake.params.variant), Path(snakemake.output[0]).with_suffix(""))
