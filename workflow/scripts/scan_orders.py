from pathlib import Path

from base.files import write_arrays
from models.ssm.orders import drawn_orders
from workflow.scripting import logged

with logged(snakemake.log[0]):
    write_arrays(Path(snakemake.output[0]), drawn_orders())
