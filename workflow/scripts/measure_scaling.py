from pathlib import Path

from workflow.scaling import measure, write_rows
from workflow.scripting import logged

with logged(snakemake.log[0]):
    frames = int(snakemake.wildcards.frames)
    rows = measure(frames, snakemake.input.shorter, snakemake.threads, snakemake.params.backend)
    write_rows(rows, Path(snakemake.output[0]))
