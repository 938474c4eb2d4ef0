from pathlib import Path

from workflow.measuring.scaling import measure, write_points
from workflow.scripting import logged

with logged(snakemake.log[0]):
    curve, size = snakemake.params.curve, int(snakemake.wildcards.size)
    points = measure(curve, size, snakemake.input.smaller, snakemake.threads, snakemake.params.backend)
    write_points(curve, points, Path(snakemake.output[0]))
