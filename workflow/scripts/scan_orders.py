from pathlib import Path

import numpy as np

from models.ssm.orders import drawn_orders
from training.checkpoints import write_whole
from workflow.scripting import logged

with logged(snakemake.log[0]):
    write_whole(Path(snakemake.output[0]), lambda path: np.savez(path.open("wb"), **drawn_orders()))
