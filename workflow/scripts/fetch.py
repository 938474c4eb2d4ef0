from pathlib import Path

from datasets.fetching.sources import fetch
from studies.places import RAW
from workflow.scripting import logged

with logged(snakemake.log[0]):
    settings = snakemake.params.settings
    fetch(snakemake.wildcards.source, Path(RAW), **settings)
