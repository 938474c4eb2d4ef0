from pathlib import Path

from reports.figures import write_figure
from workflow.scripting import logged

with logged(snakemake.log[0]):
    folder = Path(snakemake.output[0]).parent
    for study, figure in snakemake.params.figures:
        stem = folder / f"{study}-{figure}"
        write_figure(study, figure, snakemake.input.measurements, stem, **snakemake.params.options)
