from pathlib import Path

from datasets.motion.prepare import prepare
from workflow.scripting import logged

with logged(snakemake.log[0]):
    prepare(snakemake.wildcards.dataset, Path(snakemake.output.folder), raw_dir=Path("data/raw"))
