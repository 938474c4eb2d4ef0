from reports.comparisons import write_comparisons
from workflow.scripting import logged

with logged(snakemake.log[0]):
    numbers = (snakemake.input.measurements, str(snakemake.input.noise))
    write_comparisons(snakemake.params.studies, *numbers, snakemake.output[0], **snakemake.params.options)
