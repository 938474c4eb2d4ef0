from pathlib import Path

from reports.scaling import write_scaling
from workflow.scripting import logged

with logged(snakemake.log[0]):
    write_scaling(snakemake.params.curve, snakemake.input.sizes, Path(snakemake.output[0]).with_suffix(""))
