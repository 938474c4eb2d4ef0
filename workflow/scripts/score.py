from pathlib import Path

from workflow.measurements import score_runs, write_measurements
from workflow.scripting import logged

with logged(snakemake.log[0]):
    runs = [Path(path).parent for path in snakemake.input.runs]
    write_measurements(score_runs(runs, Path(snakemake.input.data)), Path(snakemake.output[0]))
