from reports.regression.numbers import read_baseline
from training.provenance import device_name
from workflow.commands.gate import speed_revisions
from workflow.measuring.speed_ratios import write_speed_ratios
from workflow.scripting import logged

with logged(snakemake.log[0]):
    baseline = snakemake.input.get("baseline")
    revisions = speed_revisions(read_baseline(baseline)) if baseline else {}
    write_speed_ratios(revisions, device_name(), snakemake.output[0], snakemake.params.lenient)
