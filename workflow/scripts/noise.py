from pathlib import Path

import torch

from workflow.measuring.noise import write_noise
from workflow.scripting import logged

with logged(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    write_noise(*snakemake.params.specs, Path(snakemake.input.data), Path(snakemake.output[0]))
