from pathlib import Path

import torch

from training.features import write_features
from workflow.scripting import logged

with logged(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    data, weights = Path(snakemake.input.data), Path(snakemake.input.weights)
    write_features(*snakemake.params.specs, data, weights, Path(snakemake.output.folder))
