from pathlib import Path

from datasets.fetching.sources import fetch
from workflow.scripting import logged

with logged(snakemake.log[0]):
    settings = snakemake.params.settings
    fetch(snakemake.wildcards.source, Path("data/raw"), **settings)
