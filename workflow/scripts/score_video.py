from pathlib import Path

from workflow.measurements import write_measurements, write_resamples
from workflow.scripting import logged
from workflow.video_measurements import score_video_runs

with logged(snakemake.log[0]):
    runs = [Path(path).parent for path in snakemake.input.runs]
    rows = score_video_runs(runs, Path(snakemake.input.data))
    write_measurements(rows, Path(snakemake.output.scores))
    write_resamples(rows, Path(snakemake.output.resamples))
