from pathlib import Path

from workflow.measuring.measurements import write_measurements, write_resamples
from workflow.measuring.video_measurements import score_video_runs
from workflow.scripting import logged

with logged(snakemake.log[0]):
    runs = [Path(path).parent for path in snakemake.input.runs]
    rows = score_video_runs(runs, Path(snakemake.input.data))
    write_measurements(rows, Path(snakemake.output.scores))
    write_resamples(rows, Path(snakemake.output.resamples))
