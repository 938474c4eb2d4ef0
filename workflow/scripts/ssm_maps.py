from pathlib import Path

from workflow.measuring.maps import write_ssm_maps
from workflow.scripting import logged

with logged(snakemake.log[0]):
    write_ssm_maps(
        *snakemake.params.specs,
        weights=Path(snakemake.input.weights),
        data=Path(snakemake.input.data),
        path=Path(snakemake.output[0]),
    )
