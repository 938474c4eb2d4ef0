from pathlib import Path

from reports.measurements import Choice
from reports.orders.judge import judge
from reports.orders.writers import write_lists
from reports.records import read_states
from workflow.scripting import logged

with logged(snakemake.log[0]):
    studies, choice = snakemake.params.studies, Choice(**snakemake.params.options)
    states = read_states(str(snakemake.input.recomputed), snakemake.input.evaluated)
    orders, shown, *_ = snakemake.output
    judge(studies, snakemake.input.measurements, str(snakemake.input.noise), orders, choice, states)
    write_lists(studies, orders, Path(shown).parent, choice)
