from pathlib import Path

import torch

from training.lifting import train_lifting
from workflow.scripting import logged, runs_of_job

with logged(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    for spec, run, state in runs_of_job(snakemake.output, snakemake.params.spec, snakemake.params.state):
        train_lifting(spec, Path(snakemake.input.data), run, state, snakemake.input.sources)
