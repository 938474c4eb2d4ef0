from pathlib import Path

from models.ssm.orders import drawn_orders
from training.checkpoints import save_arrays
from workflow.scripting import logged

with logged(snakemake.log[0]):
    save_arrays(Path(snakemake.output[0]), drawn_orders())
