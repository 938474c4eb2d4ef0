from pathlib import Path

from datasets.rendered.prepare import prepare_video
from workflow.scripting import logged

with logged(snakemake.log[0]):
    prepare_video(snakemake.wildcards.dataset, Path(snakemake.output.folder), raw_dir=Path("data/raw"))
