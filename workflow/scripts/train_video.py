from pathlib import Path

import torch

from training.video import train_video
from workflow.scripting import logged, runs_of_job

with logged(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    given = {key: Path(str(snakemake.input.get(key))) for key in ("weights", "features") if snakemake.input.get(key)}
    for spec, run, state in runs_of_job(snakemake.output, snakemake.params.spec, snakemake.params.state):
        train_video(spec, Path(snakemake.input.data), run, state, snakemake.input.sources, **given)
