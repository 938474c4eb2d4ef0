from reports.measurements import Choice
from reports.tables.judge import judge
from workflow.scripting import logged

with logged(snakemake.log[0]):
    read = (snakemake.input.measurements, str(snakemake.input.comparisons))
    judge(snakemake.params.studies, *read, snakemake.output[0], Choice(**snakemake.params.options))
