from pathlib import Path

from reports.figures import write_figure
from workflow.scripting import logged

with logged(snakemake.log[0]):
    names = snakemake.wildcards
    stem = Path(snakemake.output.svg).with_suffix("")
    write_figure(names.study, names.figure, snakemake.input.measurements, stem, **snakemake.params.options)
