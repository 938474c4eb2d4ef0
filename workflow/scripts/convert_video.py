from pathlib import Path

from datasets.papers.jhmdb_convert import convert_jhmdb
from datasets.papers.posetrack_convert import convert_posetrack
from workflow.scripting import logged

with logged(snakemake.log[0]):
    name, folder = snakemake.wildcards.dataset, Path(snakemake.output.folder)
    convert = convert_jhmdb if name == "video-jhmdb" else convert_posetrack
    convert(name, folder, Path("data/raw"))
