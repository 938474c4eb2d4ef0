from pathlib import Path

from datasets.papers import jhmdb_convert, posetrack_convert
from workflow.scripting import logged

with logged(snakemake.log[0]):
    name, folder = snakemake.wildcards.dataset, Path(snakemake.output.folder)
    module = jhmdb_convert if name == "video-jhmdb" else posetrack_convert
    module.convert(name, folder, Path("data/raw"))
