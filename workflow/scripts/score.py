from pathlib import Path

from workflow.measuring.measurements import score_runs, write_groups, write_measurements, write_resamples
from workflow.scripting import logged

with logged(snakemake.log[0]):
    runs = [Path(path).parent for path in snakemake.input.runs]
    rows = score_runs(runs, Path(snakemake.input.data))
    write_measurements(rows, Path(snakemake.output.scores))
    write_resamples(rows, Path(snakemake.output.resamples))
    write_groups(rows, Path(snakemake.output.groups))
