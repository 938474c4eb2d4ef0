from reports.measurements import Choice
from reports.records import State, earlier_states, read_states, write_kept
from reports.tables.judge import judge
from workflow.scripting import logged

with logged(snakemake.log[0]):
    read = (snakemake.input.measurements, str(snakemake.input.comparisons))
    known = read_states(str(snakemake.input.recomputed), snakemake.input.evaluated)
    states = {folder: known.get(folder, State()) for folder in snakemake.params.records}
    write_kept(snakemake.output.records, states)
    states |= earlier_states(snakemake.params.earlier)
    judge(snakemake.params.studies, *read, snakemake.output[0], Choice(**snakemake.params.options), states)
