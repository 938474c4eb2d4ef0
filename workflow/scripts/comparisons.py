from reports.comparisons import write_comparisons
from reports.measurements import Choice
from workflow.scripting import logged

with logged(snakemake.log[0]):
    numbers = (snakemake.input.measurements, str(snakemake.input.noise))
    choice = Choice(**snakemake.params.options)
    write_comparisons(snakemake.params.studies, *numbers, snakemake.output[0], choice)
