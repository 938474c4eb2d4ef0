from pathlib import Path

from studies.data import VIDEO, Dataset
from workflow.measuring.scores import write_scores
from workflow.scripting import logged

with logged(snakemake.log[0]):
    if Dataset.parse(snakemake.wildcards.dataset).kind == VIDEO:
        from workflow.measuring.video_scores import VideoJudge as Judge
    else:
        from workflow.measuring.lifting_scores import LiftingJudge as Judge
    runs = [Path(path).parent for path in snakemake.input.runs]
    write_scores(runs, Judge(Path(snakemake.input.data)), Path(snakemake.output.scores))
