from pathlib import Path

from studies.data import VIDEO, Dataset
from workflow.measuring.scores import write_scores
from workflow.scripting import logged

with logged(snakemake.log[0]):
    if Dataset.parse(snakemake.wildcards.dataset).kind == VIDEO:
        from workflow.measuring.video_scores import VideoScorer as Scorer
    else:
        from workflow.measuring.lifting_scores import LiftingScorer as Scorer
    runs = [Path(path).parent for path in snakemake.input.runs]
    write_scores(runs, Scorer(Path(snakemake.input.data)), Path(snakemake.output.scores))
