from workflow.measuring.fingerprints import write_fingerprints
from workflow.scripting import logged

with logged(snakemake.log[0]):
    write_fingerprints(snakemake.params.hyper, snakemake.output[0], lenient=snakemake.params.lenient)
