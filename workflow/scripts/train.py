from pathlib import Path

import torch

from training.run import train
from workflow.scripting import logged

with logged(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    train(
        snakemake.params.spec,
        data=Path(snakemake.input.data),
        run=Path(snakemake.output[0]).parent,
        state=Path(snakemake.params.state),
        sources=snakemake.input.sources,
    )
