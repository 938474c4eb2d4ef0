from pathlib import Path

from studies.measurements import COLUMNS, PART_COLUMNS
from workflow.measuring.measurements import collect
from workflow.scripting import logged

with logged(snakemake.log[0]):
    numbers = [
        *snakemake.input.efficiency,
        *snakemake.input.scores,
        *snakemake.input.records,
        *snakemake.params.earlier,
    ]
    collect(numbers, COLUMNS, Path(snakemake.output[0]))
    collect(snakemake.input.count_parts, PART_COLUMNS, Path(snakemake.output.count_parts))
