import sys
from pathlib import Path

from reports.records import faults, in_words, read_states
from workflow.scripting import logged

with logged(snakemake.log[0]):
    states = read_states(str(snakemake.input.recomputed), snakemake.input.evaluated)
    print(in_words(states, snakemake.params.records), *faults(states), sep="\n")
print(Path(snakemake.log[0]).read_text(encoding="utf-8"), end="")
if faults(states):
    sys.exit("error: records changed (see above); train them again, or undo the change")
