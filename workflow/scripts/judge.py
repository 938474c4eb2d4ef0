from reports.measurements import Choice
from reports.records import read_states
from reports.tables.judge import judge
from workflow.scripting import logged

with logged(snakemake.log[0]):
    read = (snakemake.input.measurements, str(snakemake.input.comparisons))
    states = read_states(str(snakemake.input.recomputed), snakemake.input.evaluated)
    judge(snakemake.params.studies, *read, snakemake.output[0], Choice(**snakemake.params.options), states)
