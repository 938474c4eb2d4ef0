from pathlib import Path

from workflow.measuring.measurements import collect_measurements
from workflow.scripting import logged

with logged(snakemake.log[0]):
    collect_measurements(
        [*snakemake.input.efficiency, *snakemake.input.scores, *snakemake.input.records], Path(snakemake.output[0])
    )
