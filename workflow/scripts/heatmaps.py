from pathlib import Path

from workflow.measuring.heatmaps import write_heatmaps
from workflow.scripting import logged

with logged(snakemake.log[0]):
    networks = list(zip(snakemake.params.specs, map(Path, snakemake.input.weights), strict=True))
    paths = Path(str(snakemake.input.data)), Path(snakemake.output[0])
    write_heatmaps(networks, *paths, lenient=snakemake.params.lenient)
