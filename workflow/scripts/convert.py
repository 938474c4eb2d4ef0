from pathlib import Path

from datasets.papers.convert import convert
from workflow.scripting import logged

with logged(snakemake.log[0]):
    folder, form = Path(snakemake.output.folder), snakemake.params.form
    convert(snakemake.wildcards.dataset, folder, Path("data/raw"), form)
