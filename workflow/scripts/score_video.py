from pathlib import Path

from workflow.measurements import write_measurements
from workflow.scripting import logged
from workflow.video_measurements import score_video_runs

with logged(snakemake.log[0]):
    runs = [Path(path).parent for path in snakemake.input.runs]
    write_measurements(score_video_runs(runs, Path(snakemake.input.data)), Path(snakemake.output[0]))
