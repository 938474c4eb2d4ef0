from pathlib import Path

from datasets.prepare import prepare
from studies.data import Dataset
from studies.places import RAW
from workflow.scripting import logged

with logged(snakemake.log[0]):
    dataset, folder = Dataset.parse(snakemake.wildcards.dataset), Path(snakemake.output.folder)
    prepare(dataset, folder, Path(RAW), snakemake.params.form)
